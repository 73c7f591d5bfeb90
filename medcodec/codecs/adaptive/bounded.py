"""From an error bound in stored units to levels and a bound in levels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.adaptive.mapping import Mapping, map_voxels
from medcodec.codecs.adaptive.mapping_forms import Plain
from medcodec.codecs.adaptive.mapping_lattice import Lattice
from medcodec.codecs.adaptive.mapping_levels import RANK_SPAN, Levels, Ranks, Stride, fit_levels, level_dtype
from medcodec.codecs.adaptive.predict import MAX_LEVEL
from medcodec.codecs.base import AnyArray

# Other cells than those around the lowest level are taken if they part at most this share of the neighbours.
_CLEARLY = 0.98


@dataclass(frozen=True)
class Bounded:
    """Levels to be coded with a bound in levels, and what they stand for."""

    form: Plain
    stride: Stride
    levels: Levels
    max_error: int
    exact_count: int  # of the levels of a coding without loss

    @property
    def mapping(self) -> Mapping:
        """The way back to voxels."""
        return Mapping(self.form, self.stride)


def bounded_mapping(voxels: AnyArray, max_error: float) -> Bounded | None:
    """Return levels whose differences are differences of voxels times one factor.

    Parameters
    ----------
    voxels
        Shape ``(sequences, frames, height, width)``, any real dtype.
    max_error
        In stored units, more than 0.

    Returns
    -------
    Bounded or None
        None where only a lossless coding keeps the bound: range too wide, or floats off any lattice.
    """
    if voxels.dtype.kind in "iu":
        low, high = int(voxels.min()), int(voxels.max())
        if high - low > MAX_LEVEL:
            return None
        stride = Stride(low, 1, high - low + 1)
        bound, exact = min(int(max_error), high - low), fit_levels(voxels) or stride
        return Bounded(Plain(), stride, stride.to_levels(voxels), bound, exact.count)
    return _bounded_floats(voxels, max_error)


def quantised(bounded: Bounded) -> tuple[Mapping, Levels]:
    """Return coarser levels, to be coded exactly, that keep the bound: for coders that know no bounds.

    Cells are ``2 * max_error + 1`` levels wide. The lowest level is the middle of the first, the first level
    of it, or alone, see `_best_shift`. No cell stands for a level above the highest. Where ranks cannot
    express that, all middles are shifted.
    """
    reach, top, fine = bounded.max_error, int(bounded.levels.max()), bounded.stride
    step = 2 * reach + 1
    if fine.step * top < RANK_SPAN and fine.low + fine.step * top < 1 << 63:
        shift = _best_shift(bounded.levels, reach)
    else:
        shift = next(n for n in range(reach + 1) if (top + reach - n) % step >= reach)
    count = (top + reach - shift) // step + 1
    levels = ((bounded.levels.astype(np.int32) + (reach - shift)) // step).astype(level_dtype(count))
    if shift < 0 or step * (count - 1) + shift > top:
        middles = np.clip(step * np.arange(count, dtype=np.int64) + shift, 0, top)
        return Mapping(bounded.form, Ranks(fine.low + fine.step * middles)), levels
    stride = Stride(fine.low + shift * fine.step, step * fine.step if count > 1 else 1, count)
    return Mapping(bounded.form, stride), levels


def _best_shift(levels: Levels, reach: int) -> int:
    """Return where the middle of the first cell lies: at the lowest level, or so that less noise is parted.

    Noise on air then shares a cell with the lowest level or, if that is background, has one beside it.
    """
    other = reach if solid_background(levels) is None else -reach
    some, step = levels[:, :, ::4].astype(np.int32), 2 * reach + 1
    parted = {shift: np.count_nonzero(np.diff((some + (reach - shift)) // step)) for shift in (0, other)}
    return other if parted[other] < _CLEARLY * parted[0] else 0


def _bounded_floats(voxels: AnyArray, max_error: float) -> Bounded | None:
    mapped = map_voxels(voxels)
    if mapped is None:
        return None
    mapping, levels = mapped
    if not isinstance(mapping.levels, Stride) or mapping.level_count > MAX_LEVEL + 1:
        return None
    bound = _level_bound(mapping, voxels.dtype, max_error)
    return Bounded(mapping.form, mapping.levels, levels, bound, mapping.level_count) if bound else None


def _level_bound(mapping: Mapping, dtype: np.dtype[np.generic], max_error: float) -> int:
    """Return the greatest number of levels between any two voxels that are within ``max_error``."""
    if mapping.level_count > 1 << 16:
        return 0
    every = np.arange(mapping.level_count, dtype=np.int32).reshape(1, 1, 1, -1)
    values = (Mapping(form, mapping.levels).to_voxels(every, dtype) for form in _forms(mapping.form))
    return min(_reach(each.astype(np.float64).ravel(), max_error) for each in values)


def _forms(form: Plain) -> list[Plain]:
    """Return the form for every slope, without what holds for single voxels."""
    if not isinstance(form, Lattice):
        return [form]
    anywhere = replace(form, positions=form.positions[:0], patterns=form.patterns[:0])
    return [replace(anywhere, slopes=slope.reshape(1)) for slope in np.unique(form.slopes)]


def _reach(values: npt.NDArray[np.float64], max_error: float) -> int:
    """Return how many places apart any two values are within ``max_error``; specials may make it 0."""
    reach = 0
    with np.errstate(invalid="ignore"):
        while reach + 1 < len(values) and np.all(
            np.abs(values[reach + 1 :] - values[: -reach - 1]) <= max_error
        ):
            reach += 1
    return reach
