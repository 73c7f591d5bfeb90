"""Bjontegaard's mean difference of rates between two curves, interpolated by PCHIP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, isfinite, log

Point = tuple[float, float]


@dataclass(frozen=True)
class BdRate:
    """Result of `bd_rate`.

    Parameters
    ----------
    percent
        How much more the test needs than the anchor at equal quality, on average; negative is smaller.
    overlap
        Length of the common quality range over that of the shorter curve, 0 to 1. Below one half the figure
        says little about the curves as a whole.
    """

    percent: float
    overlap: float


def bd_rate(anchor: Sequence[Point], test: Sequence[Point]) -> BdRate | None:
    """Compare two curves of ``(rate, quality_db)`` points; None if they have no common range.

    Points without loss (infinite quality) are left out, and so are points that do not raise the quality.
    """
    curves = [_increasing(points) for points in (anchor, test)]
    if min(map(len, curves)) < 2:
        return None
    low = max(curve[0][1] for curve in curves)
    high = min(curve[-1][1] for curve in curves)
    if high <= low:
        return None
    base, other = (_mean_log_rate(curve, low, high) for curve in curves)
    shorter = min(curve[-1][1] - curve[0][1] for curve in curves)
    return BdRate(percent=100 * (exp(other - base) - 1), overlap=(high - low) / shorter)


def _increasing(points: Sequence[Point]) -> list[Point]:
    kept: list[Point] = []
    for rate, quality in sorted(points, key=lambda point: (point[1], point[0])):
        if isfinite(quality) and quality > (kept[-1][1] if kept else -inf):
            kept.append((rate, quality))
    return kept


def _mean_log_rate(curve: Sequence[Point], low: float, high: float) -> float:
    from scipy.interpolate import PchipInterpolator  # noqa: PLC0415

    fitted = PchipInterpolator([quality for _, quality in curve], [log(rate) for rate, _ in curve])
    return float(fitted.integrate(low, high)) / (high - low)
