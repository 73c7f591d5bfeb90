"""Bjontegaard deltas: the mean difference between two rate-distortion curves over the part they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from medcodec.errors import OptionError, UnsupportedDataError
from medcodec.extras import need

Method = Literal["pchip", "cubic"]
Points = Sequence[tuple[float, float]]
Values = npt.NDArray[np.float64]
_Integral = Callable[[float, float], float]

MIN_OVERLAP = 0.75
REFUSED_OVERLAP = 0.1
_LEAST_POINTS = {"pchip": 2, "cubic": 4}


@dataclass(frozen=True)
class Delta:
    """A Bjontegaard delta and how far it can be trusted.

    Parameters
    ----------
    value
        Percent of rate (negative: the tested codec needs less), or dB (positive: it is better).
    overlap
        The shared part of both curves over the part that they cover together, 0 to 1.
    low, high
        The shared part: dB for a BD-rate, log10 of the rate for a BD-PSNR.
    warning
        What a reader must know, or "".
    """

    value: float
    overlap: float
    low: float
    high: float
    warning: str


def bd_rate(anchor: Points, test: Points, *, method: Method = "pchip", least_db: float = -math.inf) -> Delta:
    """Return how much more rate the tested codec needs at equal quality, in percent.

    Parameters
    ----------
    anchor, test
        Points (rate, quality in dB) in any order. Points of infinite quality are left out.
    method
        "pchip" (piecewise cubic, as in the common test conditions) or "cubic" (one polynomial per curve, as
        in VCEG-M33).
    least_db
        Only qualities from this one on count.

    Raises
    ------
    UnsupportedDataError
        If a curve has too few points or does not rise, or the curves share less than a tenth.
    """
    (rate_a, quality_a), (rate_b, quality_b) = _curve(anchor, "anchor", method), _curve(test, "test", method)
    difference, overlap, low, high = _mean_difference(
        (quality_a, rate_a), (quality_b, rate_b), method, least=least_db
    )
    return Delta(100 * (10**difference - 1), overlap, low, high, _warning(overlap))


def bd_psnr(anchor: Points, test: Points, *, method: Method = "pchip") -> Delta:
    """Return how much better the tested codec is at equal rate, in dB; see `bd_rate`."""
    (rate_a, quality_a), (rate_b, quality_b) = _curve(anchor, "anchor", method), _curve(test, "test", method)
    difference, overlap, low, high = _mean_difference((rate_a, quality_a), (rate_b, quality_b), method)
    return Delta(difference, overlap, low, high, _warning(overlap))


def _curve(points: Points, role: str, method: Method) -> tuple[Values, Values]:
    """Return log10 of the rates and the qualities, rising."""
    if method not in _LEAST_POINTS:
        msg = f"method {method!r} is not known; say pchip or cubic"
        raise OptionError(msg)
    usable = sorted((rate, quality) for rate, quality in points if math.isfinite(quality) and rate > 0)
    if len(usable) < _LEAST_POINTS[method]:
        msg = (
            f"the {role}'s curve has {len(usable)} lossy points, and {method} needs {_LEAST_POINTS[method]}; "
        )
        msg += "code it at more points"
        raise UnsupportedDataError(msg)
    rates, qualities = np.log10([rate for rate, _ in usable]), np.array([quality for _, quality in usable])
    if not (np.diff(rates) > 0).all() or not (np.diff(qualities) > 0).all():
        shown = ", ".join(f"{rate:.6g} at {quality:.6g}" for rate, quality in usable)
        msg = f"the {role}'s curve does not rise at every point: {shown}; "
        msg += "leave out the points that are worse at a higher rate"
        raise UnsupportedDataError(msg)
    return rates, qualities


def _mean_difference(
    anchor: tuple[Values, Values], test: tuple[Values, Values], method: Method, *, least: float = -math.inf
) -> tuple[float, float, float, float]:
    starts, ends = (max(least, float(x[0])) for x, _ in (anchor, test)), (x[-1] for x, _ in (anchor, test))
    (first, low), (high, last) = sorted(starts), sorted(ends)
    overlap = max(0.0, float(high - low)) / max(float(last - first), 1e-9)
    if overlap < REFUSED_OVERLAP:
        msg = f"the curves share {overlap:.0%} of what they cover, which gives no meaningful mean; "
        msg += "code both at points of similar quality"
        raise UnsupportedDataError(msg)
    areas = [_integral(*curve, method)(float(low), float(high)) for curve in (anchor, test)]
    return (areas[1] - areas[0]) / float(high - low), overlap, float(low), float(high)


def _integral(x: Values, y: Values, method: Method) -> _Integral:
    if method == "cubic":
        primitive = np.polyint(np.polyfit(x, y, 3))
        return lambda low, high: float(np.polyval(primitive, high) - np.polyval(primitive, low))
    interpolate = need("scipy.interpolate", extra="eval", purpose="BD-rate with PCHIP")
    curve = interpolate.PchipInterpolator(x, y)
    return lambda low, high: float(curve.integrate(low, high))


def _warning(overlap: float) -> str:
    return f"curves share only {overlap:.0%}" if overlap < MIN_OVERLAP else ""
