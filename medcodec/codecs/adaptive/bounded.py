"""From an error bound in stored units to levels and a bound in levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcodec.codecs.adaptive.mapping import Mapping, fit_mapping
from medcodec.codecs.adaptive.mapping_forms import Plain
from medcodec.codecs.adaptive.mapping_levels import Levels, Stride
from medcodec.codecs.adaptive.predict import MAX_LEVEL
from medcodec.codecs.base import AnyArray


@dataclass(frozen=True)
class Bounded:
    """Levels to be coded with a bound in levels, and the mapping that leads back to voxels."""

    mapping: Mapping
    levels: Levels
    max_error: int


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
        mapping = Mapping(Plain(), Stride(low, 1, high - low + 1))
        return Bounded(mapping, mapping.to_levels(voxels), min(int(max_error), high - low))
    return _bounded_floats(voxels, max_error)


def _bounded_floats(voxels: AnyArray, max_error: float) -> Bounded | None:
    mapping = fit_mapping(voxels)
    if mapping is None or not isinstance(mapping.levels, Stride) or mapping.level_count > MAX_LEVEL + 1:
        return None
    levels = mapping.to_levels(voxels)
    bound = _level_bound(mapping, voxels.dtype, max_error)
    return Bounded(mapping, levels, bound) if bound else None


def _level_bound(mapping: Mapping, dtype: np.dtype[np.generic], max_error: float) -> int:
    """Return the greatest number of levels between any two voxels that are within ``max_error``."""
    if mapping.level_count > 1 << 16:
        return 0
    every = np.arange(mapping.level_count, dtype=np.int32)
    values = mapping.to_voxels(every.reshape(1, 1, 1, -1), dtype).astype(np.float64).ravel()
    bound = 0
    while bound + 1 < len(values):
        reach = bound + 1
        if not np.all(np.abs(values[reach:] - values[:-reach]) <= max_error):
            break
        bound = reach
    return bound
