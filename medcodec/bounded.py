"""Whether a transform codec takes an error bound: tried on a part of the volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from medcodec.codecs.base import AnyArray, Codec, FrameGroup
from medcodec.container.choice import central_sample
from medcodec.errors import MedcodecError
from medcodec.volume.frames import SPACE_AXES

# The part of a volume that codecs are tried on: large, since the adaptive codec learns as it goes. Over time
# it learns most from whole slices at all times: some of these are taken if they are not too many voxels.
_SHARE, _LEAST_SLICES, _MOST_VOXELS = 0.3, 2, 1 << 21
# From this bound on a transform codec that corrects what it misses may pay.
_LEAST_BOUND = 2
# It comes to smaller errors within the bound. It must be clearly smaller than the other codec with a bound
# that gives the same PSNR; and at the same bound it may be larger by the share that it saves so, and no more.
_LEAST_SAVING = 0.03


def bounded_sample(voxels: AnyArray) -> AnyArray:
    """Return the part of a volume, shape (i, j, k, ...), that codecs are tried on."""
    if voxels.ndim <= SPACE_AXES:
        return central_sample(voxels, share=_SHARE)
    slices = voxels.shape[2]
    count = min(slices, max(_LEAST_SLICES, round(_SHARE * slices)))
    if voxels.size // max(slices, 1) * count > _MOST_VOXELS:
        return central_sample(voxels, share=_SHARE)
    first = (slices - count) // 2
    return voxels[:, :, first : first + count]


def transform_saving(frames: Callable[[Codec], AnyArray], usual: Codec, transform: Codec) -> float:
    """Return by which share the transform codec is smaller at equal PSNR; 0 where it is not to be taken.

    Parameters
    ----------
    frames
        Returns a part of the volume as a codec's frames, shape (sequences, frames, height, width).
    usual, transform
        Codecs with the same ``max_error``.
    """
    bound = float(cast(Any, usual).max_error)
    if bound < _LEAST_BOUND:
        return 0.0
    part = np.ascontiguousarray(frames(usual))
    if part.dtype.kind == "f" or part.size == 0:
        return 0.0
    try:
        tried = _trial(np.ascontiguousarray(frames(transform)), transform)
    except MedcodecError:
        return 0.0
    coarse = _trial(part, usual)
    fine = _trial(part, replace(cast(Any, usual), max_error=bound // 2))
    saving = 1 - tried.size / _size_at(tried.psnr_db, coarse, fine)
    return saving if saving >= _LEAST_SAVING and is_worth(saving, tried.size, coarse.size) else 0.0


def is_worth(saving: float, size: int, usual_size: int) -> bool:
    """Return whether a file of the transform codec is larger at the bound by no more than it saves."""
    return size <= (1 + saving) * usual_size


@dataclass(frozen=True)
class _Trial:
    size: int
    psnr_db: float


def _trial(part: AnyArray, codec: Codec) -> _Trial:
    prepared = codec.prepare(part)
    data = prepared.encode(FrameGroup(part))
    decoded = prepared.decode(data, cast(Any, part.shape), part.dtype)
    error = float(np.square(decoded.astype(np.float64) - part).mean())
    return _Trial(len(data), -10 * math.log10(error) if error else math.inf)


def _size_at(psnr_db: float, coarse: _Trial, fine: _Trial) -> float:
    """Return the size for a PSNR, on the line through two trials."""
    if not math.isfinite(fine.psnr_db - coarse.psnr_db) or fine.psnr_db <= coarse.psnr_db:
        return float(coarse.size)
    share = (psnr_db - coarse.psnr_db) / (fine.psnr_db - coarse.psnr_db)
    return coarse.size + share * (fine.size - coarse.size)
