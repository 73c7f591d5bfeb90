"""What users ask of a rate (PSNR, bits per voxel, ratio, quality), and how near a trial comes to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medcodec.codecs.base import AnyArray, Codec
from medcodec.comparison import Difference
from medcodec.container.writer import Written
from medcodec.errors import OptionError

KINDS = ("psnr", "bpv", "ratio", "quality")
_UNITS = {"psnr": " dB", "bpv": " bits per voxel", "ratio": "x", "quality": ""}
# Near enough: of a PSNR in dB, of the logarithm of a size.
_NEAR_DB, _NEAR_SIZE = 0.05, math.log(1.01)
# A few dB below the PSNR from which bounded errors are the cheapest way (see codecs.standard.auto).
_HIGH_DB = 58.0
# From about this rate on the codecs that auto knows are within a few percent of one another.
_HIGH_BPV = 1.0


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
        return misses(self.trial, self.target) <= 0

    @property
    def settled(self) -> bool:
        """Whether another codec is unlikely to do better.

        It may where the target was missed, where the rate or the PSNR is high, or where the codec's best
        quality does not use a size up: there noise takes most bits, and bounded errors cost as little.
        """
        trial = self.trial
        high = trial.psnr_db >= _HIGH_DB or trial.rate_bpv >= _HIGH_BPV or trial.quality >= 100
        return self.met and not high

    def beats(self, other: Reached) -> bool:
        """Tell which of two results for one target to take.

        That which meets it; where both do, the smaller one for a PSNR; else the one of higher PSNR.
        """
        if self.met and other.met and self.target.kind == "psnr":
            return self.trial.rate_bpv < other.trial.rate_bpv
        return (self.met, self.trial.psnr_db) > (other.met, other.trial.psnr_db)

    @property
    def amount(self) -> str:
        """What was reached, in words."""
        text = f"{self.trial.value(self.target.kind):.4g}{_UNITS[self.target.kind]}"
        return text if self.met else f"{text} (the codec comes no nearer)"

    def __str__(self) -> str:
        trial, kind = self.trial, self.target.kind
        text = f"asked for {self.target}, reached {self.amount}"
        if math.isinf(trial.psnr_db) and trial.psnr_db > 0:
            text += ", nothing lost"
        elif kind != "psnr":
            text += f", PSNR {trial.psnr_db:.2f} dB"
        return f"{text} (peak {trial.peak:g}) with {settings_text(trial.codec)} in {self.trials} trials"


def settings_text(codec: Codec) -> str:
    """Return a codec's name and the settings that were chosen, on one line."""
    chosen = {key: value for key, value in codec.to_dict().items() if key not in codec.derived}
    settings = ", ".join(f"{key}={value}" for key, value in chosen.items() if value is not None)
    return f"{codec.name} ({settings})" if settings else codec.name


def excess(trial: Trial, target: Target) -> float:
    """Return by how much a trial has more quality than the target asks for: dB, or log of size."""
    if target.kind == "quality":
        return 0.0
    if target.kind == "psnr":
        return trial.psnr_db - target.value
    sign = 1 if target.kind == "bpv" else -1
    return sign * math.log(trial.value(target.kind) / target.value)


def near(target: Target) -> float:
    """Return which excess is near enough: dB, or log of size."""
    return _NEAR_DB if target.kind == "psnr" else _NEAR_SIZE


def misses(trial: Trial, target: Target) -> float:
    """Return by how much a trial misses the target beyond what is near enough; at most 0 if it does not."""
    more = excess(trial, target)
    return (-more if target.kind == "psnr" else more) - near(target)


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
