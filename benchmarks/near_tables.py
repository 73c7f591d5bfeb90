"""Markdown tables from the rows of a near-lossless run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchmarks.curves import OVERLAP_NOTE, Point, delta, delta_text, rising
from benchmarks.markdown import markdown_table
from benchmarks.rows import NearRow

OWN = "medcodec-"
FALLBACK = "jpegls"


def near_report(rows: Sequence[NearRow]) -> str:
    """Return all tables as one Markdown text.

    BD-rates are those of each medcodec effort against each rival; without medcodec rows, those of the rivals
    against JPEG-LS.
    """
    sized = [row for row in rows if row.bpv is not None]
    names = list(dict.fromkeys(row.codec for row in sized))
    own = [name for name in names if name.startswith(OWN)]
    pairs = [(test, anchor) for test in own for anchor in names if anchor not in own]
    if not own:
        pairs = [(test, FALLBACK) for test in names if test != FALLBACK and FALLBACK in names]
    sections = [_size_table(sized, names), _bd_table(sized, pairs), _same_bound_table(sized, own)]
    sections.append(_failures(rows))
    return "\n\n".join(section for section in sections if section) + "\n"


def _size_table(rows: Sequence[NearRow], names: Sequence[str]) -> str:
    lines = []
    for name in names:
        for bound in sorted({row.max_error for row in rows}):
            found = [row for row in rows if row.codec == name and row.max_error == bound]
            if found:
                bpv = fmean(row.bpv or 0 for row in found)
                psnr_db = fmean(row.psnr_db or 0 for row in found)
                largest = max(row.largest_error or 0 for row in found)
                lines.append(
                    [name, str(bound), str(len(found)), f"{bpv:.4f}", f"{psnr_db:.2f}", str(largest)]
                )
    heads = ["codec", "N", "volumes", "mean bpv", "mean PSNR (dB)", "largest error"]
    return "## Size at each bound\n\n" + markdown_table(heads, lines)


def _bd_table(rows: Sequence[NearRow], pairs: Sequence[tuple[str, str]]) -> str:
    files = list(dict.fromkeys(row.file for row in rows))
    lines = []
    for test, anchor in pairs:
        cells, known = [], []
        for file in files:
            found = delta(_curve(rows, file, anchor), _curve(rows, file, test))
            if found is not None:
                known.append(found.value)
            cells.append(delta_text(found))
        lines.append([test, anchor, f"{fmean(known):+.1f}" if known else "-", *cells])
    if not lines:
        return ""
    text = "## BD-rate in percent at equal PSNR (negative: smaller)\n\n"
    text += markdown_table(["codec", "against", "mean", *files], lines)
    return f"{text}\n\n{OVERLAP_NOTE}"


def _curve(rows: Sequence[NearRow], file: str, codec: str) -> list[Point]:
    found = [row for row in rows if row.file == file and row.codec == codec]
    return rising((row.bpv or 0, row.psnr_db or 0) for row in found)


def _same_bound_table(rows: Sequence[NearRow], own: Sequence[str]) -> str:
    """Compare sizes at the same bound N with the rivals that kept it."""
    lines = []
    for name in own:
        for anchor in dict.fromkeys(row.codec for row in rows if row.codec not in own):
            kept = {(row.file, row.max_error): row for row in rows if row.codec == anchor and _kept(row)}
            ratios = [
                (row.bpv or 0) / (kept[row.file, row.max_error].bpv or 1)
                for row in rows
                if row.codec == name and (row.file, row.max_error) in kept
            ]
            if ratios:
                worst, mean = (f"{100 * (value - 1):+.1f} %" for value in (max(ratios), fmean(ratios)))
                lines.append([name, anchor, str(len(ratios)), mean, worst])
    heads = ["codec", "against", "points", "mean", "worst"]
    return "## Size at the same bound\n\n" + markdown_table(heads, lines) if lines else ""


def _kept(row: NearRow) -> bool:
    return row.largest_error is not None and row.largest_error <= row.max_error


def _failures(rows: Sequence[NearRow]) -> str:
    bad = [row for row in rows if row.note.startswith("failed") or row.note == "bound broken"]
    lines = [[row.codec, row.file, str(row.max_error), row.note] for row in bad]
    return "## Failures\n\n" + markdown_table(["codec", "volume", "N", "what"], lines) if lines else ""
