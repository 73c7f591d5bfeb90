"""True floats and wide integers for quick efforts: planes of 16 bits, block streams or as they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from medcodec.codecs.adaptive.blocks import decode_blocks, encode_blocks
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_forms import (
    BLOCK,
    common_zeros,
    from_ordered_bits,
    in_blocks,
    ordered_bits,
)
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

_PLANE_BITS = 16
_NOISE = 0.995  # share of its size from which on a coded plane is not worth it


def encode_planes(voxels: AnyArray, *, by_rows: bool) -> bytes:
    """Return coded voxels, shape ``(sequences, frames, height, width)``, without loss.

    Parameters
    ----------
    voxels
        Integers or floats of 16 to 64 bits in native byte order.
    by_rows
        As for `encode_blocks`.
    """
    shift = common_zeros(voxels)
    parts = [bytes([shift])]
    for low, bits in _places(8 * voxels.dtype.itemsize, shift):
        plane = _plane(voxels, low, bits)
        if _is_noise(plane):
            parts += [unsigned_bytes(0), plane.astype("<u2", copy=False).tobytes()]
        else:
            coded = encode_blocks(plane, by_rows=by_rows)
            parts += [unsigned_bytes(len(coded)), coded]
    return b"".join(parts)


def _is_noise(plane: AnyArray) -> bool:
    """Return whether rows from all over a plane cannot be coded in less than they have."""
    _, frames, height, _ = plane.shape
    rows = plane[:, :: max(1, frames // 4), :: max(1, height // 16)]
    return len(encode_blocks(rows)) >= _NOISE * rows.nbytes


def _plane(voxels: AnyArray, low: int, bits: int) -> AnyArray:
    def cut(some: AnyArray) -> AnyArray:
        words = ordered_bits(some)
        word = words.dtype.type
        return np.asarray(words >> word(low) & word((1 << bits) - 1), np.uint16)

    return in_blocks(voxels, np.dtype(np.uint16), cut)


def decode_planes(reader: ByteReader, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> AnyArray:
    """Return the voxels that `encode_planes` coded.

    Raises
    ------
    FormatError
        If what is left in ``reader`` is not a valid coding of voxels of this shape and dtype.
    """
    shift = reader.take(1)[0]
    if dtype.itemsize < 2 or shift >= 8 * dtype.itemsize:
        msg = f"planes of words: {shift} low bits of {dtype} voxels cannot be left out"
        raise FormatError(msg)
    planes = []
    for low, bits in _places(8 * dtype.itemsize, shift):
        plane = _read_plane(reader, shape)
        if int(plane.max(initial=0)) >> bits:
            msg = f"planes of words: more than {bits} bits in one of so many; the group is damaged"
            raise FormatError(msg)
        planes.append((plane.reshape(-1), low))
    if reader.rest():
        msg = "planes of words: there are bytes beyond the last; the group is damaged"
        raise FormatError(msg)
    voxels = np.empty(shape, dtype)
    flat = voxels.reshape(-1)
    for start in range(0, flat.size, BLOCK):  # wide numbers stay few
        part = slice(start, start + BLOCK)
        flat[part] = _joined([(plane[part], low) for plane, low in planes], shift, dtype)
    return voxels


def _read_plane(reader: ByteReader, shape: tuple[int, int, int, int]) -> AnyArray:
    length = reader.unsigned()
    if length:
        return decode_blocks(reader.take(length), shape, np.dtype(np.uint16))
    numbers = np.frombuffer(reader.take(2 * math.prod(shape)), "<u2")
    return numbers.astype(np.uint16, copy=False).reshape(shape)


def _joined(planes: list[tuple[AnyArray, int]], shift: int, dtype: np.dtype[Any]) -> AnyArray:
    word = np.dtype(f"u{dtype.itemsize}")
    words = np.zeros(planes[0][0].shape, word)
    for plane, low in planes:
        words |= plane.astype(word) << word.type(low)
    if dtype.kind == "f":
        # Words of negative floats are inverted: what was left out was set there.
        left_out = word.type((1 << shift) - 1)
        words |= np.where(words >> word.type(8 * word.itemsize - 1), word.type(0), left_out)
    return from_ordered_bits(words, dtype)


def _places(width: int, shift: int) -> Iterator[tuple[int, int]]:
    """Yield where planes begin and how many bits they have, from the highest."""
    for high in range(width, shift, -_PLANE_BITS):
        low = max(high - _PLANE_BITS, shift)
        yield low, high - low
