"""Tables for the terminal and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from medcodec.evaluation.summary import BdTable, codec_names

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    title
        What it is.
    columns
        Heads.
    rows
        As many cells as there are heads.
    notes
        Lines for below.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return it in Markdown."""
        lines = [f"## {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line([cell.replace("|", "\\|") for cell in row]) for row in self.rows]
        return "\n".join([*lines, "", *(f"* {note}" for note in self.notes), ""])


_COLUMNS: tuple[tuple[str, Callable[[Row], Any], str], ...] = (
    ("bits", lambda row: row["rate_bpv"], ".4f"),
    ("PSNR dB", lambda row: row["psnr_db"], ".2f"),
    ("slices dB", lambda row: row["psnr_slice_db"], ".2f"),
    ("RGB dB", lambda row: row.get("rgb_psnr_db"), ".2f"),
    ("SSIM", lambda row: row.get("ssim"), ".4f"),
    ("MS-SSIM", lambda row: row.get("ms_ssim"), ".4f"),
    ("max error", lambda row: row["max_error"], "g"),
    ("enc s", lambda row: row["encode_s"], ".2f"),
    ("dec s", lambda row: row["decode_s"], ".2f"),
    ("enc MB", lambda row: _mega(row["encode_peak_bytes"]), ".0f"),
    ("dec MB", lambda row: _mega(row["decode_peak_bytes"]), ".0f"),
)


def item_table(rows: list[Row]) -> Table:
    """Return one line per item, codec and point."""
    return _table("Results", ["item"], rows, lambda row: [row["item"]], [[row] for row in rows])


def codec_table(rows: list[Row]) -> Table:
    """Return one line per codec and point, with means over its items, but the greatest error and memory."""
    sets: dict[tuple[str, Any], list[Row]] = {}
    for row in rows:
        sets.setdefault((row["codec"], row["point"]), []).append(row)
    return _table("Means", ["items"], rows, lambda _: [], list(sets.values()))


def task_table(rows: list[Row]) -> Table | None:
    """Return one line per codec and point with means over items; None where no task was checked.

    Shown are Dice between the segmentations of original and decoded scans, and how far the ejection fraction
    moves; Dice against labels is in the results' own table.
    """
    sets: dict[tuple[str, Any], list[Row]] = {}
    for row in rows:
        if row.get("task"):
            sets.setdefault((row["codec"], row["point"]), []).append(row)
    if not sets:
        return None
    found = {name for members in sets.values() for row in members for name in row["task"]}
    names = sorted(name for name in found if name.startswith("dice_"))
    lines = []
    for members in sets.values():
        cells = [_cell(_mean(row["task"].get(name) for row in members), ".4f") for name in names]
        moved = [
            abs(row["task"]["ef_decoded"] - row["task"]["ef_original"])
            for row in members
            if "ef_decoded" in row["task"]
        ]
        head = [str(len(members)), members[0]["codec"], _point(members[0])]
        lines.append([*head, *cells, _cell(_mean(moved), ".2f")])
    shown = [name.replace("dice_", "Dice ") for name in names]
    return Table("Task check", ["items", "codec", "point", *shown, "EF moved, %"], lines)


def bd_table(bd: BdTable) -> Table:
    """Return one line per codec with its mean BD-rate per group, over all items, and the mean BD-PSNR."""
    lines: list[list[str]] = []
    notes: dict[tuple[str, str], list[str]] = {}
    for codec in bd.codecs:
        own = [entry for entry in bd.comparisons if entry.codec == codec]
        gains = [entry.quality_db for entry in own if entry.quality_db is not None]
        means = [bd.mean(codec, group) for group in bd.groups] if len(bd.groups) > 1 else []
        good = sum(entry.rate_percent is not None for entry in own)
        cells = [_cell(value, "+.2f") for value in (*means, bd.mean(codec))]
        lines.append([codec, *cells, _cell(fmean(gains) if gains else None, "+.3f"), f"{good} of {len(own)}"])
        for entry in own:
            if entry.note:
                notes.setdefault((codec, entry.note), []).append(entry.item)
    told = tuple(f"{codec}, {', '.join(items)}: {note}" for (codec, note), items in notes.items())
    groups = [group or "(no group)" for group in bd.groups] if len(bd.groups) > 1 else []
    title = f"BD-rate in percent against {bd.anchor} ({bd.quality}, {bd.method}); negative: fewer bits"
    return Table(title, ["codec", *groups, "all", "BD quality", "items"], lines, told)


def _table(
    title: str, first: list[str], rows: list[Row], head: Callable[[Row], list[str]], sets: list[list[Row]]
) -> Table:
    columns = [entry for entry in _COLUMNS if any(entry[1](row) is not None for row in rows)]
    lines = []
    for members in sets:
        lead = head(members[0]) or [str(len(members))]
        cells = [
            _cell(_together(name, [value(row) for row in members]), form) for name, value, form in columns
        ]
        lines.append([*lead, members[0]["codec"], _point(members[0]), *cells])
    peaks = ", ".join(sorted({str(row["peak"]) for row in rows}))
    versions = ", ".join(sorted({str(row["version"]) for row in rows}))
    notes = (
        f"Bits are those of the whole file per voxel (per pixel for video). Peaks of the PSNR: {peaks}.",
        f"{len(codec_names(rows))} codecs; medcodec {versions}; every file was decoded and compared.",
    )
    return Table(title, [*first, "codec", "point", *(name for name, _, _ in columns)], lines, notes)


def _together(name: str, values: list[Any]) -> float | None:
    there = [float(value) for value in values if value is not None]
    if not there:
        return None
    return max(there) if name == "max error" or name.endswith("MB") else fmean(there)


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def _mega(count: int | None) -> float | None:
    return None if count is None else count / 1e6


def _point(row: Row) -> str:
    return "" if row["point"] is None else f"{row['point_option']} {row['point']:g}"


def _cell(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return "exact" if math.isinf(value) and value > 0 else format(value, form)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
