"""Which codec takes an error bound: tried on a part of the volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from medcodec.codecs.base import AnyArray, Codec, FrameGroup
from medcodec.errors import MedcodecError

# The part of a volume that codecs are tried on: large, since the adaptive codec learns as it goes.
BOUNDED_SHARE = 0.3
# From this bound on a transform codec that corrects what it misses may pay.
_LEAST_BOUND = 2
# It comes to smaller errors within the bound. It must be clearly smaller than the other codec with a bound
# that gives the same PSNR; and at the same bound it may be larger by the share that it saves so, and no more.
_LEAST_SAVING = 0.03


def choose_bounded(frames: Callable[[Codec], AnyArray], usual: Codec, transform: Codec) -> Codec:
    """Return the codec that is smaller at equal PSNR, and at the bound no larger than by what it saves.

    Parameters
    ----------
    frames
        Returns a part of the volume as a codec's frames, shape (sequences, frames, height, width).
    usual, transform
        Codecs with ``max_error``; the first one is taken where they are equal or the other cannot.
    """
    bound = float(cast(Any, usual).max_error)
    if bound < _LEAST_BOUND:
        return usual
    part = frames(usual)
    if part.dtype.kind == "f" or part.size == 0:
        return usual
    try:
        tried = _trial(frames(transform), transform)
    except MedcodecError:
        return usual
    coarse = _trial(part, usual)
    fine = _trial(part, replace(cast(Any, usual), max_error=bound // 2))
    saving = 1 - tried.size / _size_at(tried.psnr_db, coarse, fine)
    if saving < _LEAST_SAVING or tried.size > (1 + saving) * coarse.size:
        return usual
    return transform


@dataclass(frozen=True)
class _Trial:
    size: int
    psnr_db: float


def _trial(part: AnyArray, codec: Codec) -> _Trial:
    part = np.ascontiguousarray(part)
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
