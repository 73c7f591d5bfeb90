"""Voxels of any dtype as integers, and back bit by bit: as they are, or by a palette."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.mapping_bytes import (
    ByteReader,
    packed_words,
    unsigned_bytes,
)
from medcodec.codecs.base import AnyArray

PALETTE_LIMIT = 1 << 16
BLOCK = 1 << 16
MANTISSA_BITS = {2: 10, 4: 23, 8: 52}


def ordered_bits(voxels: AnyArray) -> AnyArray:
    """Return unsigned numbers, as wide as the voxels, that sort like the voxels.

    Floats sort by IEEE total order: -NaN, -inf, ..., -0.0, 0.0, ..., inf, NaN.
    """
    word = np.dtype(f"u{voxels.dtype.itemsize}")
    bits = np.ascontiguousarray(voxels).view(word)
    top = word.type(1 << 8 * word.itemsize - 1)
    if voxels.dtype.kind == "u":
        return bits
    if voxels.dtype.kind == "i":
        ordered: AnyArray = bits ^ top
    else:
        ordered = np.where(bits & top, ~bits, bits | top)
    return ordered


def from_ordered_bits(bits: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """Undo `ordered_bits`; ``bits`` holds unsigned numbers of any width that fit."""
    word = np.dtype(f"u{dtype.itemsize}")
    ordered = bits.astype(word)
    top = word.type(1 << 8 * word.itemsize - 1)
    if dtype.kind == "i":
        ordered = ordered ^ top
    elif dtype.kind == "f":
        ordered = np.where(ordered & top, ordered ^ top, ~ordered)
    return ordered.view(dtype)


def in_blocks(
    values: AnyArray,
    dtype: np.dtype[Any],
    convert: Callable[[AnyArray], AnyArray],
    *,
    out: AnyArray | None = None,
) -> AnyArray:
    """Return ``convert`` of every value, a block at a time: wide intermediate numbers stay small.

    The result is a new array, or ``out``, of that ``dtype`` and in C order, which may be the values' memory.
    """
    result = np.empty(values.shape, dtype) if out is None else out
    source, target = np.ascontiguousarray(values).reshape(-1), result.reshape(-1)
    for start in range(0, source.size, BLOCK):
        target[start : start + BLOCK] = convert(source[start : start + BLOCK])
    return result


def frequent_words(ordered: AnyArray, share: int) -> tuple[AnyArray, npt.NDArray[np.int64]]:
    """Return those of sorted words that are more than one in ``share``, and how often each is there."""
    # What is there so often is met in steps of as many words.
    least = ordered.size // share + 1
    found = np.unique(ordered[::least])
    number = np.searchsorted(ordered, found, side="right") - np.searchsorted(ordered, found)
    return found[number >= least], number[number >= least]


def common_zeros(voxels: AnyArray, where: npt.NDArray[np.bool_] | bool = True) -> int:
    """Return how many low bits are zero in all voxels; at most the mantissa of floats, and not all bits."""
    used = int(np.bitwise_or.reduce(voxels.view(f"u{voxels.dtype.itemsize}"), axis=None, where=where))
    limit = (
        MANTISSA_BITS[voxels.dtype.itemsize] if voxels.dtype.kind == "f" else 8 * voxels.dtype.itemsize - 1
    )
    return min((used & -used).bit_length() - 1, limit) if used else limit


@dataclass(frozen=True)
class Plain:
    """Integer voxels as they are."""

    code = 0

    def integer_range(self, dtype: np.dtype[Any]) -> tuple[int, int]:
        """Return the smallest and the greatest integer that the form may give."""
        if dtype.kind == "f":
            return 0, -1
        info = np.iinfo(dtype)
        return int(info.min), int(info.max)

    def integer_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype in which the integers are handed over."""
        return dtype

    def to_integers(self, voxels: AnyArray) -> AnyArray:
        """Return the integers of ``voxels``."""
        return voxels

    def to_voxels(self, integers: AnyArray, dtype: np.dtype[Any], *, first: int = 0) -> AnyArray:  # noqa: ARG002
        """Return the voxels of ``integers``: whole frames, of which ``first`` is the number of the first."""
        return integers.astype(dtype, copy=False)

    def restore(self, voxels: AnyArray) -> None:
        """Put voxels of the whole group that have another value than their integer says."""

    def to_bytes(self) -> bytes:
        """Return the coded form."""
        return b""


class Computed(Plain):
    """What forms with int64 integers share."""

    def integer_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:  # noqa: ARG002
        """Return int64."""
        return np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class Palette(Computed):
    """Voxels as ranks among the distinct values, given as sorted `ordered_bits` (uint64)."""

    values: npt.NDArray[np.uint64]
    width: int
    code = 1

    def integer_range(self, dtype: np.dtype[Any]) -> tuple[int, int]:  # noqa: ARG002
        """Return the first and the last rank."""
        return 0, len(self.values) - 1

    def to_integers(self, voxels: AnyArray) -> AnyArray:
        """Return ranks (uint16)."""
        values = self.values.astype(f"u{voxels.dtype.itemsize}")
        return in_blocks(
            voxels, np.dtype(np.uint16), lambda block: np.searchsorted(values, ordered_bits(block))
        )

    def to_voxels(self, integers: AnyArray, dtype: np.dtype[Any], *, first: int = 0) -> AnyArray:  # noqa: ARG002
        """Return the voxels of ranks."""
        return from_ordered_bits(self.values, dtype)[integers]

    def to_bytes(self) -> bytes:
        """Return the coded form: the differences of neighbouring values."""
        steps = np.diff(self.values, prepend=np.uint64(0))
        return unsigned_bytes(len(self.values)) + packed_words(steps, self.width)


def read_form(reader: ByteReader, code: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Plain | None:
    """Read what the ``to_bytes`` of a form of this module wrote; None if it cannot be."""
    form: Plain | None = None
    if code == Plain.code and dtype.kind in "iu":
        form = Plain()
    elif code == Palette.code:
        form = _read_palette(reader, dtype, math.prod(shape))
    return form


def _read_palette(reader: ByteReader, dtype: np.dtype[Any], voxels: int) -> Palette | None:
    count = reader.unsigned()
    if not 0 < count <= min(PALETTE_LIMIT, voxels):
        return None
    values = np.cumsum(reader.words(count, dtype.itemsize), dtype=np.uint64)
    sorted_ = bool(np.all(values[1:] > values[:-1])) and int(values[-1]) < 1 << 8 * dtype.itemsize
    return Palette(values, dtype.itemsize) if sorted_ else None
