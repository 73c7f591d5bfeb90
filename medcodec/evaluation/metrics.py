"""Fidelity of a decoded volume, per slice and as a whole; every PSNR names its peak."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.container.proof import greatest_error
from medcodec.errors import OptionError
from medcodec.extras import need

Frames = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

PSNR_CEILING_DB = 100.0
_SSIM_SIDE = 7
_MS_SSIM_SIDE = 161


@dataclass(frozen=True)
class Peak:
    """What a PSNR refers to.

    Parameters
    ----------
    name
        "range" (greatest minus smallest value of the original), a number ("255"), or a window ("-160..240"),
        outside which values are clipped before they are compared.
    value
        In stored units.
    low, high
        The window, or infinite.
    """

    name: str
    value: float
    low: float = -math.inf
    high: float = math.inf

    def clip(self, values: Frames) -> Values:
        """Return values as float64, clipped to the window."""
        wide = np.asarray(values, np.float64)
        return wide if math.isinf(self.low) else np.clip(wide, self.low, self.high)

    def difference(self, first: Frames, second: Frames) -> Values:
        """Return how clipped values differ: not at all where both are NaN, infinitely where only one is."""
        with np.errstate(invalid="ignore"):
            error = self.clip(first) - self.clip(second)
        if np.isnan(error).any():
            same = (first == second) | (np.isnan(first) & np.isnan(second))
            error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
        return error


def parse_peak(text: str, original: Frames) -> Peak:
    """Return the peak that ``text`` names (see `Peak`) for a volume.

    Raises
    ------
    OptionError
        If it names none.
    """
    if text == "range":
        finite = original[np.isfinite(original)] if original.dtype.kind == "f" else original
        return Peak(text, float(finite.max()) - float(finite.min()) if finite.size else 0.0)
    low, dots, high = text.partition("..")
    try:
        bounds = (float(low), float(high)) if dots else (0.0, float(low))
    except ValueError as error:
        msg = f"peak {text!r} is not known; say range, a number such as 255, or a window such as -160..240"
        raise OptionError(msg) from error
    if not 0 < bounds[1] - bounds[0] < math.inf:
        msg = f"peak {text!r} is not a range of more than 0 values"
        raise OptionError(msg)
    return Peak(text, bounds[1] - bounds[0], *bounds) if dots else Peak(text, bounds[1])


def psnr_db(mean_square: float, peak: float) -> float:
    """Return 10 log10(peak**2 / mean square error); infinite where nothing differs."""
    if mean_square == 0:
        return math.inf
    return 10 * math.log10(peak * peak / mean_square) if peak > 0 and mean_square < math.inf else -math.inf


@dataclass(frozen=True)
class Fidelity:
    """How near a decoded volume is to the original.

    Parameters
    ----------
    peak
        Name and value of the PSNR's peak: ``"range=1023"``.
    psnr_db
        From the mean squared error of the whole volume.
    psnr_slice_db
        Mean of the slices' PSNR; a slice without any error counts as 100 dB.
    max_error
        Greatest difference of any voxel, in stored units, before clipping to a window.
    ssim, ms_ssim
        Mean over the slices; None where not asked for, or slices are too small.
    slice_psnr_db
        Of each slice, at most 100 dB.
    """

    peak: str
    psnr_db: float
    psnr_slice_db: float
    max_error: float
    ssim: float | None
    ms_ssim: float | None
    slice_psnr_db: list[float]


def measure(
    original: Frames, decoded: Frames, *, peak: str = "range", metrics: frozenset[str] = frozenset()
) -> Fidelity:
    """Return the fidelity of a decoded volume.

    Parameters
    ----------
    original, decoded
        Frame arrays, shape ``(sequences, frames, height, width)``; each frame is a slice.
    peak
        See `Peak`.
    metrics
        What to compute besides PSNR and maximal error: "ssim", "ms_ssim".

    Raises
    ------
    MissingDependencyError
        If a metric's package is not installed.
    """
    if original.shape != decoded.shape:
        msg = f"frames of shape {original.shape} and {decoded.shape} cannot be compared"
        raise OptionError(msg)
    scale = parse_peak(peak, original)
    a = original.reshape(-1, *original.shape[2:])
    b = decoded.reshape(-1, *decoded.shape[2:])
    squares, worst = np.zeros(len(a)), 0.0
    for n, (x, y) in enumerate(zip(a, b, strict=True)):
        worst = max(worst, greatest_error(x, y))
        squares[n] = float(np.mean(scale.difference(x, y) ** 2))
    slices = [min(PSNR_CEILING_DB, psnr_db(square, scale.value)) for square in squares]
    return Fidelity(
        peak=f"{scale.name}={scale.value:g}" if scale.name == "range" else scale.name,
        psnr_db=psnr_db(float(squares.mean()), scale.value),
        psnr_slice_db=float(np.mean(slices)),
        max_error=worst,
        ssim=mean_ssim(a, b, scale) if "ssim" in metrics else None,
        ms_ssim=mean_ms_ssim(a, b, scale) if "ms_ssim" in metrics else None,
        slice_psnr_db=slices,
    )


def mean_ssim(original: Frames, decoded: Frames, peak: Peak) -> float | None:
    """Return the mean SSIM of slices, shape ``(slices, height, width)``, with scikit-image's 7x7 window.

    None where a slice is smaller than the window, the original has one value only, or values are not finite.
    """
    if not _has_structure(original, decoded, peak, _SSIM_SIDE):
        return None
    ssim = need("skimage.metrics", extra="eval", purpose="SSIM").structural_similarity
    pairs = zip(original, decoded, strict=True)
    return float(np.mean([ssim(peak.clip(x), peak.clip(y), data_range=peak.value) for x, y in pairs]))


def mean_ms_ssim(original: Frames, decoded: Frames, peak: Peak) -> float | None:
    """Return the mean MS-SSIM of slices (five scales, Gaussian window of 11, by pytorch-msssim, in float64).

    None where a side of a slice is not more than 160, the original has one value only, or values are not
    finite.
    """
    if not _has_structure(original, decoded, peak, _MS_SSIM_SIDE):
        return None
    torch = need("torch", extra="msssim", purpose="MS-SSIM")
    ms_ssim = need("pytorch_msssim", extra="msssim", purpose="MS-SSIM").ms_ssim
    lowest = float(original.min()) if math.isinf(peak.low) and peak.name == "range" else 0.0
    values = []
    for x, y in zip(original, decoded, strict=True):
        pair = [torch.from_numpy(peak.clip(z) - lowest)[None, None] for z in (x, y)]
        values.append(float(ms_ssim(*pair, data_range=peak.value)))
    return float(np.mean(values))


def _has_structure(original: Frames, decoded: Frames, peak: Peak, least_side: int) -> bool:
    finite = bool(np.isfinite(original).all() and np.isfinite(decoded).all())
    return finite and min(original.shape[1:]) >= least_side and peak.value > 0
