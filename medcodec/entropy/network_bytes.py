"""The binary form of a network: one for each, little-endian, nothing before, between or after the parts.

==============  ====================================================================
6 bytes         ``MINET1``
u8              number of layers, 1 to 32
i16, i16        lowest and highest input
per layer:
u16, u16        outputs, inputs: 1 to 512 each
u8, u8          size of the kernel, 1 or 3; shift
i16, i16        lowest and highest result
i32 * outputs   bias
u16 * outputs   multiplier
i8 * n          weights, (outputs, inputs, size, size) in C order
==============  ====================================================================
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError

MAGIC = b"MINET1"
MAX_LAYERS = 32
MAX_CHANNELS = 512
_HEAD = struct.Struct("<Bhh")
_LAYER = struct.Struct("<HHBBhh")

Fields: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], int, int, int]


def pack_network(layers: list[Fields], input_low: int, input_high: int) -> bytes:
    """Return the bytes of layers given as (weight, bias, multiplier, shift, low, high)."""
    parts = [MAGIC, _HEAD.pack(len(layers), input_low, input_high)]
    for weight, bias, multiplier, shift, low, high in layers:
        outputs, inputs, size, _ = weight.shape
        parts.append(_LAYER.pack(outputs, inputs, size, shift, low, high))
        parts += [bias.astype("<i4").tobytes(), multiplier.astype("<u2").tobytes(), weight.tobytes()]
    return b"".join(parts)


def unpack_network(data: bytes) -> tuple[list[Fields], int, int]:
    """Return the layers, the lowest and the highest input; sizes are checked before memory is taken.

    Raises
    ------
    FormatError
        If the bytes do not start as a network, end too early or too late, or a size is out of range.
    """
    if data[: len(MAGIC)] != MAGIC:
        msg = f"this is no network: it does not start with {MAGIC!r}"
        raise FormatError(msg)
    count, input_low, input_high = _HEAD.unpack(_part(data, len(MAGIC), _HEAD.size))
    offset = len(MAGIC) + _HEAD.size
    if count > MAX_LAYERS:
        msg = f"a network of {count} layers: at most {MAX_LAYERS} are allowed"
        raise FormatError(msg)
    layers = []
    for _ in range(count):
        fields, offset = _unpack_layer(data, offset)
        layers.append(fields)
    if offset != len(data):
        msg = f"{len(data) - offset} bytes follow a network that ends at offset {offset}"
        raise FormatError(msg)
    return layers, input_low, input_high


def _unpack_layer(data: bytes, offset: int) -> tuple[Fields, int]:
    outputs, inputs, size, shift, low, high = _LAYER.unpack(_part(data, offset, _LAYER.size))
    if not (1 <= outputs <= MAX_CHANNELS and 1 <= inputs <= MAX_CHANNELS and size in (1, 3)):
        msg = f"the layer at offset {offset} claims {inputs} inputs, {outputs} outputs and kernels of {size}"
        raise FormatError(msg)
    offset += _LAYER.size
    arrays = []
    for dtype, number in (("<i4", outputs), ("<u2", outputs), ("i1", outputs * inputs * size * size)):
        width = np.dtype(dtype).itemsize
        arrays.append(np.frombuffer(_part(data, offset, number * width), dtype))
        offset += number * width
    bias, multiplier, weight = arrays
    shaped = weight.reshape(outputs, inputs, size, size)
    return (shaped, bias.astype(np.int32), multiplier.astype(np.int32), shift, low, high), offset


def _part(data: bytes, offset: int, size: int) -> bytes:
    part = data[offset : offset + size]
    if len(part) != size:
        msg = f"the network ends at {len(data)} bytes, within a part of {size} bytes at offset {offset}"
        raise FormatError(msg)
    return part
