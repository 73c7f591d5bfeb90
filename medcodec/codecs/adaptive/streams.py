"""A coded group: one byte that says which coder was used, and what that coder wrote.

Levels (what a value mapping makes of voxels) are coded by a predictor, by the block coder or as labels;
true floats, integers of wide range and repetitive data have coders that take voxels as they are.
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.blocks import decode_blocks, decode_many_blocks, encode_blocks, place_blocks
from medcodec.codecs.adaptive.bounded import bounded_mapping, quantised
from medcodec.codecs.adaptive.fast import MAX_WIDTH, decode_fast, encode_fast
from medcodec.codecs.adaptive.floats import decode_floats, encode_floats
from medcodec.codecs.adaptive.labels import decode_labels, encode_labels
from medcodec.codecs.adaptive.mapping import Mapping, map_voxels
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_forms import Plain
from medcodec.codecs.adaptive.mapping_levels import Levels, Stride, fit_levels, level_dtype, level_table
from medcodec.codecs.adaptive.planes import decode_planes, encode_planes
from medcodec.codecs.adaptive.predict import MAX_LEVEL, decode_predicted, encode_predicted
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

_PREDICTED, _BLOCKS, _LABELS, _FLOATS, _LZMA, _BLOCK_LEVELS, _FAST, _PLANES = range(8)
_LABEL_COUNT = 256
_SAMPLE_VOXELS = 1 << 15
# The share of voxels that repeat a neighbour from which on a sample is coded as labels too, and the range of
# their advantage in it within which both coders code the whole group. Predictors gain more from a whole group
# than labels do.
_LABEL_REPEATS = {"fast": 0.9, "default": 0.8, "max": 0.6}
_UNDECIDED = {"fast": (1.0, 1.0), "default": (1.05, 1.2), "max": (1 / 1.15, 1.2)}
_FEW_LABELS = 32
_LZMA_DICTIONARY = 1 << 23
_LZMA_PRESET = 6
# Groups of which such a share of rows comes again far apart are worth a try with a dictionary coder.
_REPETITIVE_ROWS = 0.3

Shape = tuple[int, int, int, int]


def encode_lossless(voxels: AnyArray, *, effort: str) -> bytes:
    """Return the smallest coding that effort allows of ``(sequences, frames, height, width)`` voxels."""
    narrow = voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2
    if effort == "fastest" and narrow:
        return bytes([_BLOCKS]) + encode_blocks(voxels, by_rows=True)
    if effort == "fast" and narrow and voxels.size and voxels.shape[3] <= MAX_WIDTH:
        return _fast(voxels)
    mapped = map_voxels(voxels)
    if mapped is None:
        return _unmapped(voxels, effort)
    mapping, levels = mapped
    if effort == "fastest" or mapping.level_count > MAX_LEVEL + 1:
        return _with_mapping(_BLOCK_LEVELS, mapping, encode_blocks(levels, by_rows=effort == "fastest"))
    coded = _with_mapping(*_smallest(mapping, levels, effort))
    if effort != "fast" and _rows_again(voxels) > _REPETITIVE_ROWS:
        return min(coded, bytes([_LZMA]) + _lzma_packed(voxels), key=len)
    return coded


def encode_bounded(voxels: AnyArray, *, effort: str, max_error: float) -> bytes:
    """Return a coding of voxels in which none is off by more than ``max_error`` stored units."""
    bounded = bounded_mapping(voxels, max_error)
    if bounded is None:
        return encode_lossless(voxels, effort=effort)
    mapping, levels = quantised(bounded)
    if bounded.exact_count <= mapping.level_count:
        # Values lie further apart than cells: there is nothing to gain by a loss.
        return encode_lossless(voxels, effort=effort)
    if effort == "fastest":
        return _with_mapping(_BLOCK_LEVELS, mapping, encode_blocks(levels, by_rows=True))
    if effort == "fast" and levels.shape[3] > MAX_WIDTH:
        return _with_mapping(*_smallest(mapping, levels, effort))

    def predicted(coder: int, levels: Levels) -> bytes:
        if coder == _FAST:
            return encode_fast(levels, max_error=bounded.max_error)
        return encode_predicted(levels, effort=effort, max_error=bounded.max_error)

    quick = effort == "fast"
    coders = [_FAST if quick else _PREDICTED]
    if not quick and voxels.shape[0] > 1 and voxels.shape[3] <= MAX_WIDTH:
        coders.append(_FAST)  # which sees more of the sequence before: smaller on some series
    as_labels, as_grey = _coders(
        mapping, levels, _sample(levels), effort, lambda: predicted(coders[0], _sample(bounded.levels))
    )
    found = [_with_mapping(_LABELS, mapping, encode_labels(levels, quick=quick))] if as_labels else []
    del levels  # not held while the predictor works
    if as_grey:
        found += [_with_mapping(each, bounded.mapping, predicted(each, bounded.levels)) for each in coders]
    return min(found, key=len)


def decode(data: bytes, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
    """Return the voxels of a coded group.

    Raises
    ------
    FormatError
        If ``data`` is not a valid coding of a group of that shape and dtype.
    """
    if data[:1] == bytes([_BLOCKS]):
        return decode_blocks(data, shape, dtype, start=1)
    reader = ByteReader(data)
    coder = reader.take(1)[0]
    if coder == _FLOATS:
        return decode_floats(data, shape, dtype, start=1)
    if coder == _PLANES:
        return decode_planes(reader, shape, dtype)
    if coder == _LZMA:
        return _decode_lzma(reader, shape, dtype)
    mapping = Mapping.from_bytes(reader.take(reader.unsigned()), dtype, shape)
    if coder == _PREDICTED:
        levels = decode_predicted(reader, shape)
    elif coder == _FAST:
        levels = decode_fast(reader, shape)
    elif coder == _LABELS:
        levels = decode_labels(reader.rest(), shape)
    elif coder == _BLOCK_LEVELS:
        levels = decode_blocks(reader.rest(), shape, level_dtype(mapping.level_count))
    else:
        msg = f"coded group: coder {coder} is unknown; a newer medcodec may know it"
        raise FormatError(msg)
    return mapping.to_voxels(levels, dtype, reuse=True)


def decode_block_streams(
    data: bytes, ranges: Sequence[tuple[int, int]], shapes: Sequence[Shape], dtype: np.dtype[Any]
) -> list[AnyArray] | None:
    """Return the voxels of the groups in ranges of ``data``; None unless all are block streams of voxels.

    Raises
    ------
    FormatError
        If one of them is damaged.
    """
    blocks = _block_ranges(data, ranges)
    return None if blocks is None else decode_many_blocks(data, blocks, shapes, dtype)


def place_block_streams(
    data: bytes, ranges: Sequence[tuple[int, int]], cuts: npt.NDArray[np.int64], frames: AnyArray
) -> list[int] | None:
    """Copy parts of the groups in ranges of ``data``; None unless all are block streams of voxels.

    See `Codec.place_many`.

    Raises
    ------
    FormatError
        If one of them is damaged.
    """
    blocks = _block_ranges(data, ranges)
    return None if blocks is None else place_blocks(data, blocks, cuts, frames)


def _block_ranges(data: bytes, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Return where the block streams of groups are; None if any group is something else."""
    if any(start >= stop or data[start] != _BLOCKS for start, stop in ranges):
        return None
    return [(start + 1, stop) for start, stop in ranges]


def _unmapped(voxels: AnyArray, effort: str) -> bytes:
    """Return a coding of true floats or integers of wide range."""
    if effort in ("fastest", "fast"):
        return bytes([_PLANES]) + encode_planes(voxels, by_rows=True)
    sample = _sample(voxels)
    if len(encode_floats(sample)) < len(encode_planes(sample, by_rows=False)):
        return bytes([_FLOATS]) + encode_floats(voxels)
    return bytes([_PLANES]) + encode_planes(voxels, by_rows=False)


def _fast(voxels: AnyArray) -> bytes:
    """Return what the effort `fast` makes of integers of at most 16 bits; most levels are never held."""
    levels = fit_levels(voxels)
    assert levels is not None, "16 bits span few levels"
    mapping, sample = Mapping(Plain(), levels), levels.to_levels(_sample(voxels))
    as_labels, _ = _coders(mapping, voxels, sample, "fast", lambda: encode_fast(sample))
    if as_labels:
        return _with_mapping(_LABELS, mapping, encode_labels(levels.to_levels(voxels), quick=True))
    numbers = voxels.view(f"u{voxels.dtype.itemsize}")
    level_of = None if levels == Stride(0, 1, levels.count) else level_table(levels, voxels.dtype)
    return _with_mapping(_FAST, mapping, encode_fast(numbers, level_of=level_of))


def _smallest(mapping: Mapping, levels: Levels, effort: str) -> tuple[int, Mapping, bytes]:
    """Return the smallest coding of those that may be it, with its coder and its mapping."""
    found: list[tuple[int, bytes]] = []
    sample = _sample(levels)
    as_labels, as_grey = _coders(mapping, levels, sample, effort, lambda: _natural(sample, effort)[1])
    if as_labels:
        found.append((_LABELS, encode_labels(levels, quick=effort == "fast")))
    if as_grey:
        found.append(_natural(levels, effort))
        if effort != "fast":
            blocks = encode_blocks(levels, limit=min(len(data) for _, data in found))
            found += [(_BLOCK_LEVELS, blocks)] if blocks else []
    coder, data = min(found, key=lambda coded: len(coded[1]))
    return coder, mapping, data


def _coders(
    mapping: Mapping, voxels: AnyArray, sample: Levels, effort: str, grey_sample: Callable[[], bytes]
) -> tuple[bool, bool]:
    """Return whether coding as labels may be the smallest, and whether coding as grey levels may.

    Voxels may be the levels; those of a sample are.
    """
    count, (least, most) = mapping.level_count, _UNDECIDED[effort]
    enough = _LABEL_REPEATS[effort] if count > _FEW_LABELS else 0.5
    if count > _LABEL_COUNT or _repeats(voxels) <= enough:
        return False, True
    labels = encode_labels(sample, quick=effort == "fast")
    advantage = len(grey_sample()) / len(labels)
    return advantage > least, advantage <= most


def _natural(levels: Levels, effort: str) -> tuple[int, bytes]:
    if effort == "fastest" or (effort == "fast" and levels.shape[3] > MAX_WIDTH):
        return _BLOCK_LEVELS, encode_blocks(levels, by_rows=effort == "fastest")
    if effort == "fast":
        return _FAST, encode_fast(levels)
    return _PREDICTED, encode_predicted(levels, effort=effort)


def _sample(levels: AnyArray) -> AnyArray:
    """Return rows from the middle of a few frames: about `_SAMPLE_VOXELS` levels, or all of a small group."""
    _, frames, height, width = levels.shape
    kept = min(frames, 4)
    rows = min(height, max(8, _SAMPLE_VOXELS // (kept * width)))
    first, top = (frames - kept) // 2, (height - rows) // 2
    return levels[:1, first : first + kept, top : top + rows]


def _repeats(levels: AnyArray) -> float:
    """Return the share of voxels that equal the one to the left or in the frame before."""
    count = 0
    for sequence in levels:
        for number, frame in enumerate(sequence):
            same = frame == sequence[number - 1] if number else np.zeros(frame.shape, bool)
            same[:, 1:] |= frame[:, 1:] == frame[:, :-1]
            count += int(np.count_nonzero(same))
    return count / levels.size


def _rows_again(voxels: AnyArray) -> float:
    """Return the share of rows that are like an earlier one, of those unlike the rows next to them."""
    seen: set[bytes] = set()
    again = count = 0
    for frames in voxels:
        before: list[bytes] = []
        for frame in frames:
            rows = [blake2b(row.tobytes(), digest_size=8).digest() for row in frame]
            for y, row in enumerate(rows):
                if row in (rows[y - 1 : y] + before[y : y + 1]):
                    continue
                count += 1
                again += row in seen
                seen.add(row)
            before = rows
    return again / max(count, 1)


def _with_mapping(coder: int, mapping: Mapping, coded: bytes) -> bytes:
    table = mapping.to_bytes()
    return bytes([coder]) + unsigned_bytes(len(table)) + table + coded


def _lzma_packed(voxels: AnyArray) -> bytes:
    """Return the group's bytes, packed; the packer takes many times its dictionary in memory."""
    dictionary = min(_LZMA_DICTIONARY, max(1 << 12, voxels.nbytes))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": _LZMA_PRESET, "dict_size": dictionary}]
    return lzma.compress(voxels.reshape(-1).view(np.uint8).data, format=lzma.FORMAT_RAW, filters=filters)


def _decode_lzma(reader: ByteReader, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
    size = math.prod(shape) * dtype.itemsize
    try:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": _LZMA_DICTIONARY}]
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        voxels = unpacker.decompress(reader.rest(), size)
    except lzma.LZMAError as error:
        msg = f"packed group: {error}"
        raise FormatError(msg) from error
    if len(voxels) != size:
        msg = f"packed group: {len(voxels)} bytes where {size} were expected"
        raise FormatError(msg)
    return np.frombuffer(voxels, dtype).reshape(shape)
