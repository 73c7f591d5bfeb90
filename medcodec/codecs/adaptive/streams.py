"""A coded group: one byte that says which coder was used, and what that coder wrote.

Levels (what a value mapping makes of voxels) are coded by the predictor, by the block coder or as labels; true
floats, integers of wide range and repetitive data have coders that take voxels as they are.
"""

from __future__ import annotations

import lzma
import math
from typing import Any

import numpy as np

from medcodec import _native
from medcodec.codecs.adaptive.bounded import bounded_mapping
from medcodec.codecs.adaptive.floats import decode_floats, encode_floats
from medcodec.codecs.adaptive.mapping import Mapping, fit_mapping
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_levels import Levels
from medcodec.codecs.adaptive.predict import MAX_LEVEL, decode_predicted, encode_predicted
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

_PREDICTED, _BLOCKS, _LABELS, _FLOATS, _LZMA, _BLOCK_LEVELS = range(6)
_LABEL_COUNT = 256
_LABEL_REPEATS = 0.6
_LZMA_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
# Groups below this rate are worth a try with a dictionary coder: exact repeats far apart.
_REPETITIVE_BPV = 0.5

Shape = tuple[int, int, int, int]


def encode_lossless(voxels: AnyArray, *, effort: str) -> bytes:
    """Return the smallest coding of voxels, shape ``(sequences, frames, height, width)``, that effort allows."""
    if effort == "fastest" and voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2:
        return bytes([_BLOCKS]) + _native.blocks_encode(voxels)
    mapping = fit_mapping(voxels)
    if mapping is None:
        return bytes([_FLOATS]) + encode_floats(voxels)
    levels = mapping.to_levels(voxels)
    if effort == "fastest" or mapping.level_count > MAX_LEVEL + 1:
        return _with_mapping(_BLOCK_LEVELS, mapping, _native.blocks_encode(levels))
    return _smallest(voxels, mapping, levels, effort)


def encode_bounded(voxels: AnyArray, *, effort: str, max_error: float) -> bytes:
    """Return a coding of voxels in which none is off by more than ``max_error`` stored units."""
    bounded = bounded_mapping(voxels, max_error)
    if bounded is None or effort == "fastest":
        return encode_lossless(voxels, effort=effort)
    effort_levels = encode_predicted(bounded.levels, effort=effort, max_error=bounded.max_error)
    return _with_mapping(_PREDICTED, bounded.mapping, effort_levels)


def decode(data: bytes, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
    """Return the voxels of a coded group.

    Raises
    ------
    FormatError
        If ``data`` is not a valid coding of a group of that shape and dtype.
    """
    reader = ByteReader(data)
    coder = reader.take(1)[0]
    if coder == _BLOCKS:
        return _decode_blocks(reader, shape, dtype)
    if coder == _FLOATS:
        return decode_floats(reader.rest(), shape, dtype)
    if coder == _LZMA:
        return _decode_lzma(reader, shape, dtype)
    mapping = Mapping.from_bytes(reader.take(reader.unsigned()), dtype, shape)
    if coder == _PREDICTED:
        levels = decode_predicted(reader, shape)
    elif coder == _LABELS:
        levels = _native.labels_decode(reader.rest(), shape)
    elif coder == _BLOCK_LEVELS:
        levels = _decode_blocks(reader, shape, np.dtype(np.int32))
    else:
        msg = f"coded group: coder {coder} is unknown; a newer medcodec may know it"
        raise FormatError(msg)
    return mapping.to_voxels(levels, dtype)


def _smallest(voxels: AnyArray, mapping: Mapping, levels: Levels, effort: str) -> bytes:
    coded = _with_mapping(_PREDICTED, mapping, encode_predicted(levels, effort=effort))
    if mapping.level_count <= _LABEL_COUNT and _repeats(levels) > _LABEL_REPEATS:
        labels = _native.labels_encode(np.ascontiguousarray(levels, np.uint8))
        coded = min(coded, _with_mapping(_LABELS, mapping, labels), key=len)
    if len(coded) * 8 < voxels.size * _REPETITIVE_BPV:
        packed = lzma.compress(voxels.tobytes(), format=lzma.FORMAT_RAW, filters=_LZMA_FILTERS)
        coded = min(coded, bytes([_LZMA]) + packed, key=len)
    return coded


def _repeats(levels: Levels) -> float:
    """Return the share of voxels that equal the one to the left or in the frame before."""
    same = np.zeros(levels.shape, bool)
    same[..., 1:] |= levels[..., 1:] == levels[..., :-1]
    same[:, 1:] |= levels[:, 1:] == levels[:, :-1]
    return float(same.mean())


def _with_mapping(coder: int, mapping: Mapping, coded: bytes) -> bytes:
    table = mapping.to_bytes()
    return bytes([coder]) + unsigned_bytes(len(table)) + table + coded


def _decode_blocks(reader: ByteReader, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
    voxels = np.empty(shape, dtype)
    try:
        _native.blocks_decode(reader.rest(), voxels)
    except (RuntimeError, TypeError) as error:
        msg = f"block-coded group of {shape} {dtype} voxels: {error}"
        raise FormatError(msg) from error
    return voxels


def _decode_lzma(reader: ByteReader, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
    size = math.prod(shape) * dtype.itemsize
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA_FILTERS)
        voxels = unpacker.decompress(reader.rest(), size)
    except lzma.LZMAError as error:
        msg = f"packed group: {error}"
        raise FormatError(msg) from error
    if len(voxels) != size:
        msg = f"packed group: {len(voxels)} bytes where {size} were expected"
        raise FormatError(msg)
    return np.frombuffer(voxels, dtype).reshape(shape)
