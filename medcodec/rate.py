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
from medcodec.comparison import Difference
from medcodec.container.writer import Observer, Written
from medcodec.errors import OptionError
from medcodec.volume.frames import split_components

KINDS = ("psnr", "bpv", "ratio", "quality")
_UNITS = {"psnr": " dB", "bpv": " bits per voxel", "ratio": "x", "quality": ""}
_TRIALS = 12
# Encoders round their settings: a bracket of qualities narrower than this holds nothing new.
_NARROWEST = 0.25
# Near enough: of a PSNR in dB, of the logarithm of a size.
_NEAR_DB, _NEAR_SIZE = 0.05, math.log(1.01)
_MEMORY_BYTES = 1 << 26
_CHUNK = 1 << 22
# The greatest error bound that is tried, and the least for floats, as shares of the range of values.
_WORST_BOUND, _LEAST_BOUND = 0.25, 1e-7

Write = Callable[[BinaryIO, Codec, Observer | None], Written]


@dataclass(frozen=True)
class Target:
    """What is asked for.

    Parameters
    ----------
    kind
        "psnr" (dB), "bpv" (bits per voxel of the whole file), "ratio" (voxels as stored in memory to the
        whole file) or "quality" (0 to 100, the codec's own scale).
    value
        How much.
    peak
        What the PSNR refers to; by default the range of the volume's finite values.

    Raises
    ------
    OptionError
        If the value makes no sense.
    """

    kind: str
    value: float
    peak: float | None = None

    def __post_init__(self) -> None:
        good = math.isfinite(self.value) and (self.value >= 0 if self.kind == "quality" else self.value > 0)
        if self.kind not in KINDS or not good or (self.kind == "quality" and self.value > 100):
            msg = f"{self.kind} {self.value!r}: give a positive number; a quality is from 0 to 100"
            raise OptionError(msg)
        if self.peak is not None and not 0 < self.peak < math.inf:
            msg = f"peak {self.peak!r}: give a positive number"
            raise OptionError(msg)

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}{_UNITS[self.kind]}"


def target_of(
    *, psnr: float | None, bpv: float | None, ratio: float | None, quality: float | None, peak: float | None
) -> Target | None:
    """Return what is asked for by options of which one at most may be given; None if none is.

    Raises
    ------
    OptionError
        If more than one is given, or a peak without a PSNR.
    """
    values = {"psnr": psnr, "bpv": bpv, "ratio": ratio, "quality": quality}
    given = {kind: value for kind, value in values.items() if value is not None}
    if len(given) > 1:
        msg = f"{' and '.join(given)} exclude one another; ask for one of them"
        raise OptionError(msg)
    if peak is not None and psnr is None:
        msg = "a peak is what a PSNR refers to; ask for a psnr too"
        raise OptionError(msg)
    for kind, value in given.items():
        return Target(kind, value, peak)
    return None


@dataclass(frozen=True)
class Trial:
    """What one setting of a codec gives.

    Parameters
    ----------
    codec
        With its settings.
    quality
        From 0 to 100.
    written
        The size of its stream.
    psnr_db
        To ``peak``; infinite if nothing is lost.
    peak
        What the PSNR refers to.
    rate_bpv
        Bits per voxel of the whole stream.
    ratio
        Bytes of the voxels in memory to those of the stream.
    """

    codec: Codec
    quality: float
    written: Written
    psnr_db: float
    peak: float
    rate_bpv: float
    ratio: float

    def value(self, kind: str) -> float:
        """Return what was reached of a kind of target."""
        return {"psnr": self.psnr_db, "bpv": self.rate_bpv, "ratio": self.ratio, "quality": self.quality}[
            kind
        ]


@dataclass(frozen=True)
class Reached:
    """What a search found: the target, the trial that is nearest to it, and how many there were."""

    target: Target
    trial: Trial
    trials: int

    @property
    def met(self) -> bool:
        """Whether the target was reached; otherwise the codec cannot."""
        return _misses(self.trial, self.target) <= 0

    def __str__(self) -> str:
        trial, kind = self.trial, self.target.kind
        text = f"asked for {self.target}, reached {trial.value(kind):.4g}{_UNITS[kind]}"
        text += "" if self.met else " (the codec comes no nearer)"
        text += "" if kind == "psnr" else f", PSNR {trial.psnr_db:.2f} dB"
        return f"{text} (peak {trial.peak:g}) with {settings_text(trial.codec)} in {self.trials} trials"


def settings_text(codec: Codec) -> str:
    """Return a codec's name and settings on one line."""
    settings = ", ".join(f"{key}={value}" for key, value in codec.to_dict().items() if value is not None)
    return f"{codec.name} ({settings})" if settings else codec.name


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
        low, high = codec.quality_range
        return lambda quality: codec.with_quality(low + (high - low) * quality / 100)
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


def search(
    voxels: AnyArray, codec: Codec, target: Target, write: Write, file: BinaryIO, *, final: bool = True
) -> Reached:
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
    final
        Write it even if it misses the target.

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
        stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(_MEMORY_BYTES))  # noqa: SIM115 (outlives the loop)
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
        if final or reached.met:
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


def _excess(trial: Trial, target: Target) -> float:
    """Return by how much a trial has more quality than the target asks for: dB, or log of size."""
    if target.kind == "quality":
        return 0.0
    if target.kind == "psnr":
        return trial.psnr_db - target.value
    sign = 1 if target.kind == "bpv" else -1
    return sign * math.log(trial.value(target.kind) / target.value)


def _near(target: Target) -> float:
    return _NEAR_DB if target.kind == "psnr" else _NEAR_SIZE


def _misses(trial: Trial, target: Target) -> float:
    """Return by how much a trial misses the target beyond what is near enough; at most 0 if it does not."""
    excess = _excess(trial, target)
    return (-excess if target.kind == "psnr" else excess) - _near(target)


def _rank(trial: Trial, target: Target) -> tuple[bool, float]:
    return _misses(trial, target) > 0, abs(_excess(trial, target))


def _next_quality(trials: list[Trial], target: Target) -> float | None:
    """Return the next quality to try; None if the last is near enough or there is nothing between."""
    if target.kind == "quality":
        return None if trials else target.value
    if not trials:
        return 50.0
    if min(abs(_excess(trial, target)) for trial in trials) <= _near(target):
        return None
    below = [trial for trial in trials if _excess(trial, target) < 0]
    above = [trial for trial in trials if _excess(trial, target) > 0]
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
        change = (_excess(last, target) - _excess(first, target)) / (last.quality - first.quality)
        slope = change if math.isfinite(change) and change > slope / 8 else slope
    wanted = last.quality - 1.1 * _excess(last, target) / slope
    if not math.isfinite(wanted) or abs(wanted - last.quality) < 1:
        wanted = last.quality + math.copysign(1, end - last.quality)
    return min(100.0, max(0.0, wanted))


def _between(low: Trial, high: Trial, target: Target, tried: int) -> float | None:
    """Return a quality between two that bracket the target: interpolated, or the middle now and then."""
    width = high.quality - low.quality
    if width < _NARROWEST:
        return None
    a, b = _excess(low, target), _excess(high, target)
    share = -a / (b - a) if math.isfinite(a) and math.isfinite(b) and tried % 5 else 0.5
    # Aim a little to the side that meets the target: a hit there ends the search.
    return low.quality + width * min(0.97, max(0.03, share))


def satisfies(difference: Difference, file_bytes: int, voxels: AnyArray, target: Target) -> bool:
    """Tell whether a file that differs so from its volume is as good, or as small, as a target asks for.

    A quality leaves no trace: any file of the volume will do.
    """
    if target.kind == "quality":
        return True
    if target.kind == "psnr":
        shift = 20 * math.log10(target.peak / difference.peak) if target.peak and difference.peak else 0.0
        return difference.psnr_db + shift >= target.value - _NEAR_DB
    bpv = 8 * file_bytes / max(1, voxels.size)
    limit = target.value if target.kind == "bpv" else 8 * voxels.itemsize / target.value
    return bpv <= limit * math.exp(_NEAR_SIZE)
