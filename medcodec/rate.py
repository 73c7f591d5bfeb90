"""From what a user asks (PSNR, bits per voxel, ratio, quality) to a codec's setting, by search on files."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

import numpy as np

from medcodec.codecs.base import AnyArray, Codec
from medcodec.container.writer import Observer, Written
from medcodec.errors import OptionError
from medcodec.targets import Reached, Target, Trial, excess, misses, near
from medcodec.volume.frames import split_components

_TRIALS = 12
# Encoders round their settings: a bracket of qualities narrower than this holds nothing new.
_NARROWEST = 0.25
_MEMORY_BYTES = 1 << 26
_CHUNK = 1 << 22
# The greatest error bound that is tried, and the least for floats, as shares of the range of values.
_WORST_BOUND, _LEAST_BOUND = 0.25, 1e-7

Write = Callable[[BinaryIO, Codec, Observer | None], Written]


def value_range(voxels: AnyArray) -> float:
    """Return the greatest minus the least finite value of a volume; 0 for an empty one."""
    apart = split_components(voxels)
    finite = apart[np.isfinite(apart)] if apart.dtype.kind == "f" else apart
    return float(finite.max()) - float(finite.min()) if finite.size else 0.0


def quality_scale(codec: Codec, voxels: AnyArray) -> Callable[[float], Codec]:
    """Return the function from a quality of 0 to 100 to a codec with settings.

    A codec without a quality of its own but with an error bound gets one by that: from a quarter of the range
    of values (0) in equal ratios down to lossless (100).

    Raises
    ------
    OptionError
        If the codec has neither.
    """
    if codec.quality_range is not None:
        return codec.at_percent
    if not codec.capabilities.error_bound or not hasattr(codec, "max_error"):
        msg = (
            f"codec {codec.name!r} has neither a quality nor an error bound; choose another codec for a rate"
        )
        raise OptionError(msg)
    extent, whole = value_range(voxels), split_components(voxels).dtype.kind != "f"

    def bounded(quality: float) -> Codec:
        worst = max(extent * _WORST_BOUND, 1.0 if whole else 0.0)
        least = 0.5 if whole else extent * _LEAST_BOUND
        bound = worst * (least / worst) ** (quality / 100) if worst else 0.0
        bound = math.floor(bound) if whole else float(f"{bound:.6g}")
        return cast(Codec, replace(cast(Any, codec), max_error=bound))

    return bounded


@dataclass
class _Squares:
    """The squared errors of boxes, added up from any thread."""

    total: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, original: AnyArray, decoded: AnyArray) -> None:
        total = 0.0
        a, b = original.reshape(-1), decoded.reshape(-1)
        for at in range(0, a.size, _CHUNK):
            with np.errstate(invalid="ignore", over="ignore"):
                error = np.subtract(a[at : at + _CHUNK], b[at : at + _CHUNK], dtype=np.float64)
            total += float(np.square(error[np.isfinite(error)]).sum())
        with self.lock:
            self.total += total


def spooled() -> BinaryIO:
    """Return a temporary file that stays in memory while it is small."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_MEMORY_BYTES))


def search(voxels: AnyArray, codec: Codec, target: Target, write: Write, file: BinaryIO) -> Reached:
    """Find the setting that comes nearest to a target, and leave its stream in ``file``.

    Of the settings that meet the target (a PSNR of at least that, a size of at most that; within 0.05 dB or
    1 %) the nearest is taken.

    Parameters
    ----------
    voxels
        The volume's.
    codec
        Its other settings are kept.
    target
        What is asked for.
    write
        Writes the volume's stream to a file with a codec, calling its third argument with the original and
        the decoded voxels of each box.
    file
        Gets the stream of the trial that is taken, once.

    Raises
    ------
    MedcodecError
        If the codec cannot code the volume or has no quality.
    """
    scale = quality_scale(codec, voxels)
    measure = _Measure(voxels, target.peak or value_range(voxels), write)
    trials: list[Trial] = []
    best: tuple[Trial, BinaryIO] | None = None
    for _ in range(_TRIALS):
        quality = _untried(trials, target, scale)
        if quality is None:
            break
        stream = spooled()
        trial = measure(scale(quality), quality, stream)
        trials.append(trial)
        if best is None or _rank(trial, target) < _rank(best[0], target):
            if best:
                best[1].close()
            best = trial, stream
        else:
            stream.close()
    trial, stream = cast(tuple[Trial, BinaryIO], best)
    reached = Reached(target, trial, len(trials))
    with stream:
        stream.seek(0)
        shutil.copyfileobj(stream, file)
    return reached


def _untried(trials: list[Trial], target: Target, scale: Callable[[float], Codec]) -> float | None:
    """Return the next quality that gives another setting than those tried; None if there is none."""
    tried = {_identity(trial.codec): trial for trial in trials}
    for _ in range(_TRIALS):
        quality = _next_quality(trials, target)
        if quality is None or (known := tried.get(_identity(scale(quality)))) is None:
            return quality
        # The same setting gives the same result: it narrows the bracket without a trial.
        trials = [*trials, replace(known, quality=quality)]
    return None


@dataclass(frozen=True)
class _Measure:
    """Writes streams of a volume and measures them."""

    voxels: AnyArray
    peak: float
    write: Write

    def __call__(self, codec: Codec, quality: float, stream: BinaryIO) -> Trial:
        squares = _Squares()
        written = self.write(stream, codec, squares.add)
        error = squares.total / max(1, split_components(self.voxels).size)
        psnr = 10 * math.log10(self.peak**2 / error) if error and self.peak else -math.inf
        return Trial(
            codec=codec,
            quality=quality,
            written=written,
            psnr_db=psnr if error else math.inf,
            peak=self.peak,
            rate_bpv=8 * written.file_bytes / max(1, self.voxels.size),
            ratio=self.voxels.nbytes / max(1, written.file_bytes),
        )


def _identity(codec: Codec) -> str:
    return repr(sorted(codec.to_dict().items(), key=lambda item: item[0]))


def _rank(trial: Trial, target: Target) -> tuple[bool, float]:
    return misses(trial, target) > 0, abs(excess(trial, target))


def _next_quality(trials: list[Trial], target: Target) -> float | None:
    """Return the next quality to try; None if the last is near enough or there is nothing between."""
    if target.kind == "quality":
        return None if trials else target.value
    if not trials:
        return 50.0
    if min(abs(excess(trial, target)) for trial in trials) <= near(target):
        return None
    below = [trial for trial in trials if excess(trial, target) < 0]
    above = [trial for trial in trials if excess(trial, target) > 0]
    if not below or not above:
        return _outward(trials, target, 100.0 if not above else 0.0)
    low = max(below, key=lambda trial: trial.quality)
    high = min(above, key=lambda trial: trial.quality)
    return _between(low, high, target, len(trials))


def _outward(trials: list[Trial], target: Target, end: float) -> float | None:
    """Return a quality beyond all that were tried, by the slope between them; at most an end's."""
    last = max(trials, key=lambda trial: -abs(trial.quality - end))
    if last.quality == end:
        return None
    slope = 0.5 if target.kind == "psnr" else 0.06
    if len(trials) > 1:
        first = min(trials, key=lambda trial: -abs(trial.quality - end))
        change = (excess(last, target) - excess(first, target)) / (last.quality - first.quality)
        slope = change if math.isfinite(change) and change > slope / 8 else slope
    wanted = last.quality - 1.1 * excess(last, target) / slope
    if not math.isfinite(wanted):
        wanted = (last.quality + end) / 2 if abs(end - last.quality) > 2 else end
    elif abs(wanted - last.quality) < 1:
        wanted = last.quality + math.copysign(1, end - last.quality)
    return min(100.0, max(0.0, wanted))


def _between(low: Trial, high: Trial, target: Target, tried: int) -> float | None:
    """Return a quality between two that bracket the target: interpolated, or the middle now and then."""
    width = high.quality - low.quality
    if width < _NARROWEST:
        return None
    a, b = excess(low, target), excess(high, target)
    share = -a / (b - a) if math.isfinite(a) and math.isfinite(b) and tried % 5 else 0.5
    # Aim a little to the side that meets the target: a hit there ends the search.
    return low.quality + width * min(0.97, max(0.03, share))
