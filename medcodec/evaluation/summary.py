"""Rows of a run put together: curves per codec, and BD-rates against an anchor, per item and per group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from medcodec.errors import MedcodecError, OptionError
from medcodec.evaluation.bjontegaard import Method, bd_psnr, bd_rate

Row = dict[str, Any]
Curve = list[tuple[float, float]]
QUALITIES = ("psnr_slice_db", "psnr_db", "rgb_psnr_db", "luma_psnr_db", "ssim", "ms_ssim")


@dataclass(frozen=True)
class Comparison:
    """A codec against the anchor on one item.

    Parameters
    ----------
    codec, item, group
        What was compared.
    rate_percent, quality_db
        BD-rate and BD-PSNR; None where refused.
    note
        Why something was refused, or what to know of it; "" for nothing.
    """

    codec: str
    item: str
    group: str
    rate_percent: float | None
    quality_db: float | None
    note: str = ""


@dataclass(frozen=True)
class BdTable:
    """BD-rates of all codecs against one.

    Parameters
    ----------
    anchor, quality, method
        What they refer to.
    comparisons
        One per codec and item.
    """

    anchor: str
    quality: str
    method: Method
    comparisons: list[Comparison]

    @property
    def groups(self) -> list[str]:
        """The groups of items, sorted."""
        return sorted({entry.group for entry in self.comparisons})

    @property
    def codecs(self) -> list[str]:
        """The codecs, without the anchor, sorted."""
        return sorted({entry.codec for entry in self.comparisons})

    def mean(self, codec: str, group: str | None = None) -> float | None:
        """Return the mean BD-rate of a codec over the items of a group, or over all; None without any."""
        values = [
            entry.rate_percent
            for entry in self.comparisons
            if entry.codec == codec and entry.rate_percent is not None and group in (None, entry.group)
        ]
        return fmean(values) if values else None


def codec_names(rows: list[Row]) -> list[str]:
    """Return the codecs of rows, in the order in which they appear."""
    return list(dict.fromkeys(row["codec"] for row in rows))


def usable_quality(rows: list[Row], wanted: str | None) -> str:
    """Return the measure of quality to use: the one that is wanted, or the slices' mean PSNR.

    Raises
    ------
    OptionError
        If no row has it.
    """
    quality = wanted or "psnr_slice_db"
    if not any(row.get(quality) is not None for row in rows):
        there = [name for name in QUALITIES if any(row.get(name) is not None for row in rows)]
        msg = f"no result has {quality!r}; there are {', '.join(there)}"
        raise OptionError(msg)
    return quality


def curve(rows: list[Row], codec: str, item: str, quality: str) -> Curve:
    """Return the points (rate, quality) of a codec on an item, by rising rate, without exact ones."""
    points = [
        (float(row["rate_bpv"]), float(row[quality]))
        for row in rows
        if row["codec"] == codec
        and row["item"] == item
        and not row["identical"]
        and row.get(quality) is not None
    ]
    return sorted(points)


def mean_curve(rows: list[Row], codec: str, quality: str) -> Curve:
    """Return a codec's mean rate and quality over its items, point by point.

    Points that are not there for every one of its items are left out, since a mean over other items is no
    point of the same curve.
    """
    own = [row for row in rows if row["codec"] == codec and row.get(quality) is not None]
    items = {row["item"] for row in own}
    points = []
    for point in dict.fromkeys(row["point"] for row in own):
        at = [row for row in own if row["point"] == point]
        if {row["item"] for row in at} == items and all(math.isfinite(row[quality]) for row in at):
            points.append((fmean(row["rate_bpv"] for row in at), fmean(row[quality] for row in at)))
    return sorted(points)


def compare_all(rows: list[Row], anchor: str, *, quality: str, method: Method = "pchip") -> BdTable:
    """Return the BD-rates of all codecs against the anchor, item by item.

    Raises
    ------
    OptionError
        If the anchor is none of the codecs.
    """
    names = codec_names(rows)
    if anchor not in names:
        msg = f"anchor {anchor!r} is none of the codecs that were run: {', '.join(names)}"
        raise OptionError(msg)
    groups = {row["item"]: row["group"] for row in rows}
    comparisons = [
        _compare(
            codec, item, group, [curve(rows, name, item, quality) for name in (anchor, codec)], method=method
        )
        for codec in names
        if codec != anchor
        for item, group in groups.items()
    ]
    return BdTable(anchor, quality, method, comparisons)


def _compare(codec: str, item: str, group: str, curves: list[Curve], *, method: Method) -> Comparison:
    values: list[float | None] = []
    notes: list[str] = []
    refused: dict[str, list[str]] = {}
    # Curves may share much quality and little rate, or the other way round.
    for measure, delta in (("BD-rate", bd_rate), ("BD quality", bd_psnr)):
        try:
            found = delta(*curves, method=method)
        except MedcodecError as error:
            values.append(None)
            refused.setdefault(str(error), []).append(measure)
            continue
        values.append(found.value)
        notes += [f"{measure}: {found.warning}"] if found.warning else []
    notes += [f"no {' or '.join(measures)}: {reason}" for reason, measures in refused.items()]
    return Comparison(codec, item, group, values[0], values[1], "; ".join(notes))
