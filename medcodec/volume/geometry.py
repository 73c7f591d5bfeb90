"""Affines: voxel indices to RAS millimetres, from axes and origins in the patient's coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LPS_TO_RAS = (-1.0, -1.0, 1.0)
RAS = (1.0, 1.0, 1.0)
LAS_TO_RAS = (-1.0, 1.0, 1.0)


def affine_from_axes(
    axes: Sequence[Sequence[float]], origin: Sequence[float], *, signs: Sequence[float] = LPS_TO_RAS
) -> npt.NDArray[np.float64]:
    """Return the affine, shape ``(4, 4)``.

    Parameters
    ----------
    axes
        Step of each voxel axis in millimetres (direction times spacing); what goes beyond three axes or
        three coordinates is left out, a missing third axis is the unit normal of the other two.
    origin
        Centre of the first voxel, in the same coordinates.
    signs
        Factors of the coordinates that lead to RAS.

    Notes
    -----
    Values that are not finite, or axes that span no space, give the identity: the geometry is then unknown.
    """
    linear = np.zeros((3, 3))
    for column, axis in enumerate(axes[:3]):
        coordinates = list(axis)[:3]
        linear[: len(coordinates), column] = coordinates
    if len(axes) == 2:
        normal = np.cross(linear[:, 0], linear[:, 1])
        length = np.linalg.norm(normal)
        linear[:, 2] = normal / length if length > 0 else normal
    affine = np.eye(4)
    affine[:3, :3] = linear
    start = list(origin)[:3]
    affine[: len(start), 3] = start
    affine[:3] *= np.asarray(signs)[:, None]
    if not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        return np.eye(4)
    return affine
