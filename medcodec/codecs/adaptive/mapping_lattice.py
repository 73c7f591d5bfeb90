"""Floats that are integers times a slope, plus an intercept, in the whole group or in each frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.adaptive.mapping_bytes import (
    ByteReader,
    packed_words,
    unsigned_bytes,
)
from medcodec.codecs.adaptive.mapping_forms import BLOCK, PALETTE_LIMIT, Computed
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

INTEGER_LIMIT = 1 << 40
EXACT_SUM, QUOTIENT = 0, 1

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lattice(Computed):
    """Floats that are integers times a slope plus an intercept, rounded once.

    Parameters
    ----------
    variant
        `EXACT_SUM`: the integer times the slope, plus the intercept, computed in double, then rounded to
        the dtype; `QUOTIENT`: the same with the integer *divided* by the slope.
    slopes
        One for all frames, or one per frame of shape ``(sequences * frames,)``.
    intercept
        Value of the integer 0.
    negative_zero
        Whether integer -1 stands for -0.0, and -2, -3, ... for what would be -1, -2, ...
    special_base, specials
        Integers from ``special_base`` on stand for these bit patterns (NaN, infinities, outliers).
    positions, patterns
        Voxels (by C-order index) that have another bit pattern than their integer says.
    """

    variant: int
    slopes: npt.NDArray[np.float64]
    intercept: float
    negative_zero: bool
    special_base: int
    specials: npt.NDArray[np.uint64]
    positions: Integers
    patterns: npt.NDArray[np.uint64]
    code = 2

    def integer_range(self, dtype: np.dtype[Any]) -> tuple[int, int]:  # noqa: ARG002
        """Return a range wide enough for any lattice."""
        return -INTEGER_LIMIT, INTEGER_LIMIT

    def indices(self, voxels: AnyArray) -> tuple[Integers, npt.NDArray[np.bool_]]:
        """Return the nearest lattice index of each voxel, and whether its value has other bits.

        What is not finite or far away has index 0.
        """
        # The kernel has no float16; as float32 all are exact, but what is missed must be found once more.
        wide = voxels.astype(np.float32) if voxels.dtype.itemsize == 2 else np.ascontiguousarray(voxels)
        frames = wide.reshape(len(self.slopes), -1)
        indices, missed = np.empty(voxels.shape, np.int64), np.empty(voxels.shape, bool)
        _native.mapping_lattice(
            frames,
            slopes=self.slopes,
            intercept=self.intercept,
            quotient=self.variant == QUOTIENT,
            limit=float(INTEGER_LIMIT),
            indices=indices.reshape(frames.shape),
            missed=missed.reshape(frames.shape),
        )
        if voxels.dtype.itemsize == 2:
            missed = _words(self.values(indices, voxels.dtype)) != _words(voxels)
        return indices, missed

    def values(self, indices: Integers, dtype: np.dtype[Any]) -> AnyArray:
        """Return the voxels of lattice indices, rounded as the variant says."""
        rows = indices.reshape(len(self.slopes), -1)
        return self._values(rows, self.slopes[:, None], dtype).reshape(indices.shape)

    def _values(self, indices: Integers, slopes: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> AnyArray:
        with np.errstate(all="ignore"):
            exact = indices.astype(np.float64)
            exact = exact / slopes if self.variant == QUOTIENT else exact * slopes
            return (exact + self.intercept if self.intercept else exact).astype(dtype)

    def pieces(self, voxels: AnyArray) -> Iterator[tuple[slice, Lattice]]:
        """Yield ranges of voxels in C order, not large ones, each with the lattice of its slopes."""
        size = voxels.size // len(self.slopes)
        together = max(1, BLOCK // max(1, size))
        for number in range(0, len(self.slopes), together):
            lattice = replace(self, slopes=self.slopes[number : number + together])
            end = min(number + together, len(self.slopes)) * size
            most = BLOCK if together == 1 else end
            for start in range(number * size, end, most):
                yield slice(start, min(start + most, end)), lattice

    def to_integers(self, voxels: AnyArray) -> AnyArray:
        """Return integers (int32 or int64); voxels listed by position take that of the voxel before."""
        flat = voxels.reshape(-1)
        integers: AnyArray = np.empty(voxels.size, np.int32)
        for part, lattice in self.pieces(flat):
            # With a slope for each frame, a special value of one may lie on the lattice of another.
            some = lattice._integers(flat[part], everywhere=len(self.slopes) > 1)
            if integers.itemsize == 4 and max(abs(int(some.min())), int(some.max())) >> 31:
                integers = integers.astype(np.int64)
            integers[part] = some
        if len(self.positions):
            integers[self.positions] = integers[_last_kept(self.positions)]
        return integers.reshape(voxels.shape)

    def _integers(self, voxels: AnyArray, *, everywhere: bool) -> Integers:
        """Return the integers of some voxels, one axis; specials may be ``everywhere``."""
        integers, missed = self.indices(voxels)
        integers[missed] = 0
        bits = _words(voxels)
        if self.negative_zero:
            integers -= integers < 0
            integers[bits == _negative_zero(voxels.dtype)] = -1
        if len(self.specials):
            found = np.arange(voxels.size) if everywhere else np.flatnonzero(missed)
            wanted = bits[found]
            ranks = np.minimum(np.searchsorted(self.specials, wanted), len(self.specials) - 1)
            special = self.specials.astype(bits.dtype)[ranks] == wanted
            integers[found[special]] = self.special_base + ranks[special]
        return integers

    def to_voxels(self, integers: AnyArray, dtype: np.dtype[Any], *, first: int = 0) -> AnyArray:
        """Return the voxels of some frames; every bit as it was, but for those that `restore` puts."""
        special = integers >= self.special_base
        if special.any() and int(integers.max()) - self.special_base >= len(self.specials):
            msg = "value mapping: level beyond the last special value"
            raise FormatError(msg)
        indices = np.where(special, 0, integers)
        if self.negative_zero:
            indices += indices < 0
        slopes = self.slopes if len(self.slopes) == 1 else self.slopes[first : first + len(indices)]
        voxels = self._values(indices, slopes.reshape(-1, 1, 1), dtype)
        bits = _words(voxels)
        if self.negative_zero:
            bits[integers == -1] = _negative_zero(dtype)
        if special.any():
            bits[special] = self.specials.astype(bits.dtype)[integers[special] - self.special_base]
        return voxels

    def restore(self, voxels: AnyArray) -> None:
        """Put the bit patterns that are listed by position."""
        if not len(self.positions):
            return
        bits = _words(voxels).reshape(-1)
        if self.positions[-1] >= bits.size:
            msg = f"value mapping: exception at voxel {self.positions[-1]} of {bits.size}"
            raise FormatError(msg)
        bits[self.positions] = self.patterns.astype(bits.dtype)

    def to_bytes(self) -> bytes:
        """Return the coded form."""
        with np.errstate(over="ignore"):
            single = bool(np.all(self.slopes.astype(np.float32) == self.slopes))
        flags = self.variant | self.negative_zero << 1 | bool(self.intercept) << 2 | single << 3
        head = bytes([flags])
        slopes = unsigned_bytes(len(self.slopes)) + self.slopes.astype("<f4" if single else "<f8").tobytes()
        intercept = np.array([self.intercept], "<f8").tobytes() if self.intercept else b""
        tables = unsigned_bytes(self.special_base) + unsigned_bytes(len(self.specials))
        tables += self.specials.astype("<u8").tobytes() + unsigned_bytes(len(self.positions))
        if len(self.positions):
            tables += packed_words(np.diff(self.positions, prepend=0), 5) + packed_words(self.patterns, 8)
        return head + slopes + intercept + tables


def read_lattice(reader: ByteReader, voxels: int, frames: int) -> Lattice | None:
    """Read what `Lattice.to_bytes` wrote; None if it cannot be."""
    flags, slope_count = reader.take(1)[0], reader.unsigned()
    if flags > 15 or slope_count not in (1, frames):
        return None
    slopes = reader.reals(slope_count, "<f4" if flags & 8 else "<f8")
    intercept = float(reader.reals(1, "<f8")[0]) if flags & 4 else 0.0
    special_base, special_count = reader.unsigned(), reader.unsigned()
    if special_base > INTEGER_LIMIT or special_count > PALETTE_LIMIT:
        return None
    specials = np.frombuffer(reader.take(8 * special_count), "<u8").astype(np.uint64)
    positions, patterns = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    exceptions = reader.unsigned()
    if exceptions > voxels:
        return None
    if exceptions:
        positions = np.cumsum(reader.words(exceptions, 5).astype(np.int64))
        patterns = reader.words(exceptions, 8)
        if positions[-1] >= voxels:
            return None
    return Lattice(flags & 1, slopes, intercept, bool(flags & 2), special_base, specials, positions, patterns)


def _last_kept(dropped: Integers) -> Integers:
    """Return for each dropped index the last kept one before it (at the start, the first kept one)."""
    place = np.arange(len(dropped))
    first = np.maximum.accumulate(np.where(np.diff(dropped, prepend=-1) > 1, place, 0))
    before = dropped[first] - 1
    leading = before < 0
    return np.where(leading, np.count_nonzero(dropped == place), before)


def _words(voxels: AnyArray) -> AnyArray:
    return voxels.view(np.dtype(f"u{voxels.dtype.itemsize}"))


def _negative_zero(dtype: np.dtype[Any]) -> Any:
    return np.dtype(f"u{dtype.itemsize}").type(1 << 8 * dtype.itemsize - 1)
