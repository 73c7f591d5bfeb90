"""Background: voxels of the lowest value in solid areas, such as padding around a field of view."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import AnyArray

_LEAST_SHARE = 0.01
# Borders of a mask per voxel in it: more is noise that happens to touch the lowest value.
_MOST_BORDER = 0.3


def solid_background(levels: AnyArray) -> npt.NDArray[np.bool_] | None:
    """Return where levels are 0, if that is in solid areas; shape (sequences, frames, height, width)."""
    mask: npt.NDArray[np.bool_] = levels == 0
    inside = int(np.count_nonzero(mask))
    if inside < _LEAST_SHARE * mask.size or inside == mask.size:
        return None
    border = sum(int(np.count_nonzero(np.diff(frames, axis=axis))) for frames in mask for axis in (1, 2))
    return mask if border <= _MOST_BORDER * inside else None
