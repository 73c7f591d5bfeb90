"""Integers to dense levels: an offset, a stride, or ranks in a histogram with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.adaptive.mapping_bytes import (
    ByteReader,
    packed_words,
    signed_bytes,
    unsigned_bytes,
)
from medcodec.codecs.adaptive.mapping_forms import in_blocks
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

LEVEL_LIMIT = 1 << 24
RANK_SPAN = 1 << 20
_SAMPLE = 1 << 16
_STRIDE, _RANKS = 0, 1
_WORD = (1 << 64) - 1
_ACTIVITIES = 32

Levels = npt.NDArray[Any]
"""Of `level_dtype`: as narrow as the number of levels allows, since a group may be large."""


def level_dtype(count: int) -> np.dtype[Any]:
    """Return uint8, uint16 or int32: the narrowest for levels ``0 .. count - 1``."""
    return np.dtype(np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.int32)


def kernel_dtype(max_level: int) -> np.dtype[Any]:
    """Return the unsigned dtype in which the predicting kernels take levels ``0 .. max_level``."""
    return np.dtype(np.uint8 if max_level < 1 << 8 else np.uint16 if max_level < 1 << 16 else np.uint32)


@dataclass(frozen=True)
class Stride:
    """Level ``n`` stands for the integer ``low + step * n``, ``0 <= n < count``."""

    low: int
    step: int
    count: int

    def to_levels(self, integers: AnyArray) -> Levels:
        """Return the levels of ``integers``, which must lie on the grid; maybe in the same memory."""
        dtype = level_dtype(self.count)
        same = self.low == 0 and self.step == 1 and dtype.itemsize == integers.itemsize
        # The kernels change nothing that they encode, but ask for arrays that can be written to.
        if same and integers.flags.writeable:
            return integers.view(dtype)

        def convert(block: AnyArray) -> AnyArray:
            offsets = _offsets(block, self.low)
            if self.step > 1:
                offsets //= offsets.dtype.type(self.step)
            return offsets

        return in_blocks(integers, dtype, convert)

    def to_integers(self, levels: Levels, dtype: np.dtype[Any], *, reuse: bool = False) -> AnyArray:
        """Return the integers of ``levels`` in ``dtype``; with ``reuse`` in their memory, if it suits."""
        word = _word(dtype)

        def convert(block: AnyArray) -> AnyArray:
            # Unsigned numbers wrap, so that those as wide as the integers are exact.
            integers = block.astype(word)
            if self.step > 1:
                integers *= _wrapped(self.step, word)
            integers += _wrapped(self.low, word)
            return integers

        out = levels.view(word) if reuse and levels.itemsize == word.itemsize else None
        return in_blocks(levels, word, convert, out=out).view(dtype)

    def to_bytes(self) -> bytes:
        """Return the coded form."""
        return (
            bytes([_STRIDE]) + signed_bytes(self.low) + b"".join(map(unsigned_bytes, (self.step, self.count)))
        )


@dataclass(frozen=True, eq=False)
class Ranks:
    """Level ``n`` stands for ``present[n]``, sorted integers (int64) that span less than `RANK_SPAN`."""

    present: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self.present)

    def to_levels(self, integers: AnyArray) -> Levels:
        """Return the ranks of ``integers``, which must all be present."""
        ranks = np.zeros(int(self.present[-1] - self.present[0]) + 1, level_dtype(self.count))
        ranks[self.present - self.present[0]] = np.arange(self.count)
        low = int(self.present[0])
        return in_blocks(integers, ranks.dtype, lambda block: ranks[_offsets(block, low)])

    def to_integers(self, levels: Levels, dtype: np.dtype[Any], *, reuse: bool = False) -> AnyArray:
        """Return the integers of ``levels`` in ``dtype``; with ``reuse`` in their memory, if it suits."""
        present = self.present.astype(dtype)
        out = levels.view(dtype) if reuse and levels.itemsize == dtype.itemsize else None
        return in_blocks(levels, dtype, lambda block: present[block], out=out)

    def to_bytes(self) -> bytes:
        """Return the coded form."""
        gaps = np.diff(self.present) - 1
        width = 1 if gaps.max(initial=0) < 256 else 3
        head = bytes([_RANKS]) + signed_bytes(int(self.present[0])) + unsigned_bytes(self.count)
        return head + bytes([width]) + packed_words(gaps, width)


def level_table(levels: Stride | Ranks, dtype: np.dtype[Any]) -> npt.NDArray[np.uint16]:
    """Return the level of each integer of ``dtype``, of at most 16 bits, by its bits; 0 where it has none."""
    table = np.zeros(1 << 8 * dtype.itemsize, np.uint16)
    every = np.arange(levels.count, dtype=level_dtype(levels.count))
    table[levels.to_integers(every, dtype).view(_word(dtype))] = every
    return table


def read_levels(reader: ByteReader, low: int, high: int) -> Stride | Ranks:
    """Read what `Stride.to_bytes` or `Ranks.to_bytes` wrote; all its integers must lie in ``low..high``."""
    kind, first, number = reader.take(1)[0], reader.signed(), reader.unsigned()
    if kind == _STRIDE:
        levels: Stride | Ranks = Stride(first, number, reader.unsigned())
        last = first + number * (levels.count - 1)
        valid = number > 0 and 0 < levels.count <= LEVEL_LIMIT and (levels.count > 1 or number == 1)
    elif kind == _RANKS and 0 < number <= RANK_SPAN:
        levels, last, valid = _read_ranks(reader, first, number, low, high)
    else:
        valid, last = False, high
    if not (valid and low <= first and last <= high):
        msg = f"value mapping: levels of kind {kind} from {first} do not fit the range {low}..{high}"
        raise FormatError(msg)
    return levels


def _read_ranks(reader: ByteReader, first: int, count: int, low: int, high: int) -> tuple[Ranks, int, bool]:
    width = reader.take(1)[0]
    if width not in (1, 3) or not low <= first <= high:
        return Ranks(np.zeros(1, np.int64)), first, False
    gaps = reader.words(count - 1, width).astype(np.int64)
    steps = np.concatenate([np.zeros(1, np.int64), np.cumsum(gaps + 1)])
    last = first + int(steps[-1])
    if steps[-1] >= RANK_SPAN or last > high or last >= 1 << 63:
        return Ranks(np.zeros(1, np.int64)), first, False
    return Ranks(steps + first), last, True


def fit_levels(integers: AnyArray) -> Stride | Ranks | None:
    """Choose levels for integers of any width, shape ``(sequences, frames, height, width)``.

    Returns None if they span `LEVEL_LIMIT` steps or more.
    """
    low, high = int(integers.min()), int(integers.max())
    if high - low >= RANK_SPAN:
        return _fit_wide(integers, low, high)
    seen = np.zeros(high - low + 1, bool)
    _native.mapping_mark(np.ascontiguousarray(integers).reshape(-1), low & _WORD, seen)
    present = np.flatnonzero(seen)
    step = 1 if np.any(seen[1:] & seen[:-1]) else max(int(np.gcd.reduce(present)), 1)
    stride = Stride(low, step, (high - low) // step + 1)
    if len(present) == stride.count or high >= 1 << 63:
        return stride
    ranks = Ranks(present.astype(np.int64) + low)
    return ranks if _packing_pays(integers, stride, ranks) else stride


def _fit_wide(integers: AnyArray, low: int, high: int) -> Stride | None:
    step = int(np.gcd.reduce(_offsets(integers, low), axis=None))
    if (high - low) // step >= LEVEL_LIMIT:
        return None
    return Stride(low, step, (high - low) // step + 1)


def _word(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")


def _wrapped(number: int, word: np.dtype[Any]) -> Any:
    return word.type(number & ((1 << 8 * word.itemsize) - 1))


def _offsets(integers: AnyArray, low: int) -> AnyArray:
    """Return ``integers - low``, unsigned: exact also for the widest types, as unsigned numbers wrap."""
    word = _word(integers.dtype)
    offsets: AnyArray = integers.view(word) - _wrapped(low, word)
    return offsets


def _packing_pays(integers: AnyArray, plain: Stride, packed: Ranks) -> bool:
    """Whether ranks code smaller than plain levels, table included, by a rough residual entropy.

    Ranks bend the intensity scale: without a small gain they are not worth the risk.
    """
    sample = _sample_frames(integers)
    sums = np.empty((3, _ACTIVITIES), np.int64)
    _native.mapping_edge_sums(
        plain.to_levels(sample).astype(np.int32), packed.to_levels(sample).astype(np.int32), sums
    )
    number, *sizes = sums[:, sums[0] > 0]
    before, after = (_residual_bits(number, size) * integers.size / sample.size for size in sizes)
    # Packing the table takes longer than the rest: only where the answer hangs on it.
    return after * 1.003 < before and after * 1.003 + 8 * len(packed.to_bytes()) < before


def _sample_frames(integers: AnyArray) -> AnyArray:
    frames = integers.reshape(-1, *integers.shape[-2:])
    wanted = max(1, min(len(frames), _SAMPLE // max(1, frames[0].size)))
    chosen = (np.arange(wanted) * 2 + 1) * len(frames) // (2 * wanted)
    rows = max(1, min(frames.shape[1], 2 * _SAMPLE // frames.shape[2]))
    start = (frames.shape[1] - rows) // 2
    return frames[chosen, start : start + rows]


def _residual_bits(number: npt.NDArray[np.int64], size: npt.NDArray[np.int64]) -> float:
    """Return the bits of median-edge residuals, taken as two-sided geometric in each activity class."""
    mean = np.maximum(size / number, 1e-4)
    ratio = (np.sqrt(1 + mean * mean) - 1) / mean
    bits = np.log2((1 + ratio) / (1 - ratio)) - mean * np.log2(ratio)
    return float(np.sum(number * bits))
