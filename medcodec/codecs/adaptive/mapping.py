"""Value mapping: voxels of any dtype as small integers for the predictor, and back bit by bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.mapping_bytes import ByteReader
from medcodec.codecs.adaptive.mapping_fit import fit_lattice
from medcodec.codecs.adaptive.mapping_forms import (
    Palette,
    Plain,
    common_zeros,
    in_blocks,
    ordered_bits,
    read_form,
)
from medcodec.codecs.adaptive.mapping_lattice import EXACT_SUM, Lattice, read_lattice
from medcodec.codecs.adaptive.mapping_levels import (
    Levels,
    Ranks,
    Stride,
    fit_levels,
    read_levels,
)
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

_REPEATS = 8
_DISTINCT_LIMIT = 4096
_SPARSE = 4
_FREQUENT = 256
_BLOCK = 1 << 14


@dataclass(frozen=True, eq=False)
class Mapping:
    """Voxels to levels and back: first to integers by ``form``, then to dense levels.

    Levels are of `level_dtype`, from 0 to ``level_count - 1``, and ``level_count`` is at most 2**24.
    """

    form: Plain
    levels: Stride | Ranks

    @property
    def kind(self) -> str:
        """What the mapping does, for people."""
        packing = "ranks" if isinstance(self.levels, Ranks) else "offset"
        if isinstance(self.levels, Stride) and self.levels.step > 1:
            packing = "stride"
        name = {Plain: "integers", Palette: "palette", Lattice: "scaled"}[type(self.form)]
        if self.slopes is not None and len(self.slopes) > 1:
            name = "scaled per frame"
        return f"{name}, {packing}"

    @property
    def level_count(self) -> int:
        """Number of levels; each is below it."""
        return self.levels.count

    @property
    def slopes(self) -> npt.NDArray[np.float64] | None:
        """Value of one integer step of scaled floats: one, or one per frame; None for other kinds.

        Frames with slopes of their own need no care in prediction: least squares adapts to them.
        """
        if not isinstance(self.form, Lattice):
            return None
        return self.form.slopes if self.form.variant == EXACT_SUM else 1 / self.form.slopes

    def to_levels(self, voxels: AnyArray) -> Levels:
        """Return the levels of the voxels that the mapping was fitted to, in the same shape."""
        return self.levels.to_levels(self.form.to_integers(voxels))

    def to_voxels(self, levels: Levels, dtype: np.dtype[Any], *, reuse: bool = False) -> AnyArray:
        """Return the voxels of ``levels``, shape ``(sequences, frames, height, width)``.

        Parameters
        ----------
        levels
            In C order.
        dtype
            Of the voxels.
        reuse
            Whether the voxels may take the place of the levels.

        Raises
        ------
        FormatError
            If a level is out of range.
        """
        if levels.size and (int(levels.min()) < 0 or int(levels.max()) >= self.level_count):
            msg = f"value mapping: a level lies outside 0..{self.level_count - 1}"
            raise FormatError(msg)
        integer_dtype = self.form.integer_dtype(dtype)
        if integer_dtype == dtype:
            return self.form.to_voxels(self.levels.to_integers(levels, integer_dtype, reuse=reuse), dtype)
        voxels: AnyArray = np.empty(levels.shape, dtype)
        # Some frames at a time, since their integers are wide.
        source, target = (array.reshape(-1, *levels.shape[2:]) for array in (levels, voxels))
        step = max(1, _BLOCK // max(1, math.prod(levels.shape[2:])))
        for first in range(0, len(source), step):
            integers = self.levels.to_integers(source[first : first + step], integer_dtype)
            target[first : first + step] = self.form.to_voxels(integers, dtype, first=first)
        self.form.restore(voxels)
        return voxels

    def to_bytes(self) -> bytes:
        """Return the coded mapping."""
        return bytes([self.form.code]) + self.form.to_bytes() + self.levels.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, dtype: np.dtype[Any], shape: tuple[int, int, int, int]) -> Mapping:
        """Read `to_bytes`'s result for a group of this dtype and shape.

        Raises
        ------
        FormatError
            If ``data`` is malformed or does not fit; memory stays within what the shape asks for.
        """
        reader = ByteReader(data)
        code = reader.take(1)[0]
        form: Plain | None
        if code == Lattice.code and dtype.kind == "f":
            form = read_lattice(reader, math.prod(shape), shape[0] * shape[1])
        else:
            form = read_form(reader, code, dtype, shape)
        if form is None:
            msg = f"value mapping: form {code} is malformed or does not fit {dtype} voxels"
            raise FormatError(msg)
        levels = read_levels(reader, *form.integer_range(dtype))
        reader.finish()
        return cls(form, levels)


def map_voxels(voxels: AnyArray) -> tuple[Mapping, Levels] | None:
    """Choose how to turn voxels into levels, and do it; the mapping gives every voxel back bit by bit.

    Parameters
    ----------
    voxels
        Shape ``(sequences, frames, height, width)``, any real integer or float dtype in native byte order.

    Returns
    -------
    tuple or None
        The mapping and the levels of the voxels, in the same shape. None for true floats and for integers
        that span 2**24 steps or more: `encode_floats` is for those.
    """
    if voxels.size == 0:
        return None
    form: Plain | None = Plain() if voxels.dtype.kind in "iu" else fit_lattice(voxels)
    if form is not None:
        integers = form.to_integers(voxels)
        levels = fit_levels(integers)
        if levels is not None:
            return Mapping(form, levels), levels.to_levels(integers)
        if isinstance(form, Lattice):
            return None
    mapping = _fit_palette(voxels)
    return (mapping, mapping.to_levels(voxels)) if mapping else None


def _fit_palette(voxels: AnyArray) -> Mapping | None:
    """Take ranks of distinct values if most voxels repeat and the values leave gaps in their format.

    Very frequent values prove nothing; without gaps (float16), ranks would only bend the scale, and the
    ranks of many irregular values predict badly (`encode_floats` has a table of its own).
    """
    flat = voxels.reshape(-1)
    sample = np.sort(ordered_bits(flat[:: max(1, flat.size >> 16)]))
    if np.count_nonzero(sample[1:] != sample[:-1]) >= _DISTINCT_LIMIT:
        return None
    bits = in_blocks(flat, np.dtype(f"u{voxels.dtype.itemsize}"), ordered_bits)
    bits.sort()
    ends = np.append(bits[1:] != bits[:-1], True)
    if np.count_nonzero(ends) > _DISTINCT_LIMIT:
        return None
    last = np.flatnonzero(ends)
    distinct, number = bits[last], np.diff(last, prepend=-1)
    rare = number * _FREQUENT <= flat.size
    if np.count_nonzero(rare) * _REPEATS > number[rare].sum():
        return None
    span = int(distinct[-1] - distinct[0]) >> common_zeros(voxels)
    if len(distinct) * _SPARSE > span > _FREQUENT:
        return None
    return Mapping(Palette(distinct.astype(np.uint64), voxels.dtype.itemsize), Stride(0, 1, len(distinct)))
