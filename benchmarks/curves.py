"""Rate-distortion curves of rows, and BD-rates as text."""

from __future__ import annotations

import math
from collections.abc import Iterable

from medcodec.errors import UnsupportedDataError
from medcodec.evaluation.bjontegaard import Delta, bd_rate

Point = tuple[float, float]
OVERLAP_NOTE = "\\* The curves share little of the PSNR range that they cover."


def rising(points: Iterable[Point]) -> list[Point]:
    """Return rates and PSNRs in dB, sorted, without the points that cost more and give no more."""
    kept: list[Point] = []
    for rate_bpv, psnr_db in sorted(points):
        if not kept or (rate_bpv > kept[-1][0] and psnr_db > kept[-1][1]):
            kept.append((rate_bpv, psnr_db))
    return kept


def delta(anchor: list[Point], test: list[Point], *, least_db: float = -math.inf) -> Delta | None:
    """Return the BD-rate from ``least_db`` on, or None where the curves have too little in common."""
    try:
        return bd_rate(anchor, test, least_db=least_db)
    except UnsupportedDataError:
        return None


def delta_text(found: Delta | None) -> str:
    """Return a BD-rate for a table; a star where the curves share little, "-" for none."""
    return "-" if found is None else f"{found.value:+.1f}{'*' if found.warning else ''}"
