"""The search for the motion of a frame: encoder only, in integers, so that each machine finds the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from medcodec import _native
from medcodec.codecs.wavelet.motion import BY_FIELDS, Motion, MotionMode, shared_scales
from medcodec.codecs.wavelet.motion_field import Frame, MotionField, grid_shape

_PENALTY_UNITS = 256


@dataclass(frozen=True)
class Estimate:
    """A motion with what it costs.

    Parameters
    ----------
    motion
        How the frame is predicted.
    distortion
        Sum of the squared errors of the prediction over the frame.
    bits
        Size of `encode_motion(motion)`.
    """

    motion: Motion
    distortion: int
    bits: int


def estimate(
    target: Frame,
    previous: Frame | None,
    following: Frame | None,
    *,
    penalty: float,
    spacings: Sequence[int] = (8, 16, 32),
    distances: tuple[int, int] = (1, 1),
    effort: int = 1,
    modes: Collection[MotionMode] = BY_FIELDS,
) -> Estimate:
    """Find the motion by which the references predict a frame best.

    The modes that the references allow are compared, without a field and with fields at each spacing, by
    distortion + penalty * bits.

    Parameters
    ----------
    target, previous, following
        int32 of shape (height, width), samples of 0 to 65535; one of the references may be None.
    penalty
        Squared sample differences that a bit must save, up to 2^32; counted in 1/256. Where residuals are
        coded well below the prediction's mean squared error E, a bit is worth about 1.4 * E.
    spacings
        Pixels between nodes to try, of 4, 8, 16 and 32; none: only predictions without a field.
    distances
        Frames from `previous` to `target` and from there to `following`.
    effort
        0, 1 or 2: more takes longer and finds more.
    modes
        The modes to choose from, with and without fields; one of them must go with the references.

    Raises
    ------
    ValueError
        If the frames differ in shape, have samples out of range, or a setting is not as above.
    """
    back, ahead = shared_scales(distances)
    mode, spacing, data, distortion, bits = _native.motion_estimate(
        np.ascontiguousarray(target, dtype=np.int32),
        None if previous is None else np.ascontiguousarray(previous, dtype=np.int32),
        None if following is None else np.ascontiguousarray(following, dtype=np.int32),
        spacings=list(spacings),
        penalty=round(penalty * _PENALTY_UNITS),
        back_scale=back,
        ahead_scale=ahead,
        effort=effort,
        modes=sum(1 << mode for mode in set(modes)),
    )
    fields: tuple[MotionField, ...] = ()
    if spacing:
        vectors = np.frombuffer(data, np.int16).reshape(-1, *grid_shape(target.shape, spacing), 2)
        fields = tuple(MotionField(spacing, field) for field in vectors)
    return Estimate(Motion(MotionMode(mode), fields), distortion, bits)
