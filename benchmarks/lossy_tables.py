"""Markdown tables from the rows of a lossy run: BD-rates per file and kind, and speeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.curves import OVERLAP_NOTE, delta, delta_text, rising
from benchmarks.lossy_codecs import ANCHOR, LISTED
from benchmarks.lossy_frames import PROTOCOLS
from benchmarks.markdown import markdown_table
from benchmarks.rows import LossyRow
from medcodec.evaluation.bjontegaard import Delta

_OURS, _RIVALS, _HIGH_DB = "wavelet", ("x265-veryslow", "vvenc-medium", "sperr"), 45.0

Value = Callable[[LossyRow], float | None]


@dataclass(frozen=True)
class _Measure:
    """What a table's curves are made of."""

    rate: Value
    quality: Value


_CODED = _Measure(lambda row: row.coded_bpv, lambda row: row.psnr_db)
_WHOLE = _Measure(lambda row: row.bpv, lambda row: row.psnr_db)
_RGB = _Measure(lambda row: row.coded_bpv, lambda row: row.rgb_psnr_db)


def lossy_report(rows: Sequence[LossyRow]) -> str:
    """Return all tables as one Markdown text; BD-rates are those of each codec against x265 medium."""
    sized = [row for row in rows if row.bpv is not None]
    sections = []
    for protocol in PROTOCOLS:
        own = [row for row in sized if row.protocol == protocol]
        if own:
            sections += [_per_kind(own, protocol), _per_file(own, protocol, _CODED, "")]
            sections += [_ours(own, protocol, name) for name in _codecs(own) if name.startswith(_OURS)]
    videos = [row for row in sized if row.rgb_psnr_db is not None]
    if videos:
        sections.append(_per_file(videos, "8-bit", _RGB, ", PSNR in RGB"))
    sections += [_speeds(sized), _failures(rows)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _per_kind(rows: Sequence[LossyRow], protocol: str) -> str:
    codecs = _codecs(rows)
    lines = []
    for name, measure in (("coded groups", _CODED), ("whole files", _WHOLE)):
        table = _deltas(rows, codecs, measure)
        kinds = {row.file: row.kind for row in rows}
        for kind in dict.fromkeys(kinds.values()):
            files = [file for file in kinds if kinds[file] == kind]
            lines.append([kind, name, str(len(files)), *_means(table, files, codecs)])
        lines.append(["all", name, str(len(kinds)), *_means(table, list(kinds), codecs)])
    heads = ["kind", "bytes of", "files", *codecs]
    text = f"## {protocol}: mean BD-rate in percent against {ANCHOR}\n\n{markdown_table(heads, lines)}"
    return (
        f"{text}\n\nIn brackets: over how many files, where some have too little in common with the anchor."
    )


def _means(table: dict[tuple[str, str], Delta | None], files: list[str], codecs: list[str]) -> list[str]:
    cells = []
    for codec in codecs:
        known = [found.value for file in files if (found := table[file, codec]) is not None]
        few = f" ({len(known)})" if len(known) < len(files) else ""
        cells.append(f"{fmean(known):+.1f}{few}" if known else "-")
    return cells


def _per_file(rows: Sequence[LossyRow], protocol: str, measure: _Measure, what: str) -> str:
    codecs = _codecs(rows)
    table = _deltas(rows, codecs, measure)
    first = {row.file: row for row in rows}
    lines = [
        [
            file,
            row.kind,
            row.shape,
            _range(rows, file, measure),
            *(delta_text(table[file, codec]) for codec in codecs),
        ]
        for file, row in first.items()
    ]
    heads = ["file", "kind", "coded", f"{ANCHOR} (bpv @ dB)", *codecs]
    text = f"## {protocol}: BD-rate in percent against {ANCHOR}{what}\n\n{markdown_table(heads, lines)}"
    return f"{text}\n\n{OVERLAP_NOTE}"


def _ours(rows: Sequence[LossyRow], protocol: str, codec: str) -> str:
    """Return the BD-rates of one of our codecs against each rival, over all PSNRs and over high ones."""
    files = {row.file: row.kind for row in rows if row.codec == codec}
    lines = []
    for file, kind in files.items():
        ours = _curve(rows, file, codec, _CODED)
        cells = [
            delta_text(delta(_curve(rows, file, rival, _CODED), ours, least_db=least_db))
            for rival in _RIVALS
            for least_db in (-math.inf, _HIGH_DB)
        ]
        lines.append([file, kind, *cells])
    heads = [f"{rival}{where}" for rival in _RIVALS for where in ("", f", {_HIGH_DB:g} dB on")]
    table = markdown_table(["file", "kind", *heads], lines)
    title = f"## {protocol}: BD-rate in percent of {codec} against others"
    return f"{title}\n\n{table}\n\n{OVERLAP_NOTE}" if lines else ""


def _codecs(rows: Sequence[LossyRow]) -> list[str]:
    """Return the codecs that were measured, the anchor left out: those of the list first, in its order."""
    measured = list(dict.fromkeys(row.codec for row in rows))
    listed = [name for name in LISTED if name in measured]
    return [name for name in dict.fromkeys([*listed, *measured]) if name != ANCHOR]


def _deltas(
    rows: Sequence[LossyRow], codecs: Sequence[str], measure: _Measure
) -> dict[tuple[str, str], Delta | None]:
    files = dict.fromkeys(row.file for row in rows)
    curves = {
        (file, codec): _curve(rows, file, codec, measure) for file in files for codec in (ANCHOR, *codecs)
    }
    return {
        (file, codec): delta(curves[file, ANCHOR], curves[file, codec]) for file in files for codec in codecs
    }


def _curve(rows: Sequence[LossyRow], file: str, codec: str, measure: _Measure) -> list[tuple[float, float]]:
    found = [row for row in rows if row.file == file and row.codec == codec]
    return rising((measure.rate(row) or 0.0, measure.quality(row) or 0.0) for row in found)


def _range(rows: Sequence[LossyRow], file: str, measure: _Measure) -> str:
    """Return the ends of the anchor's curve."""
    curve = _curve(rows, file, ANCHOR, measure)
    ends = curve[:1] + curve[1:][-1:]
    return " to ".join(f"{rate:.3f} @ {quality:.1f}" for rate, quality in ends)


def _speeds(rows: Sequence[LossyRow]) -> str:
    """Return voxels per CPU second over all points, in millions."""
    lines = []
    for codec in dict.fromkeys(row.codec for row in rows):
        own = [row for row in rows if row.codec == codec]
        voxels = sum(row.voxels for row in own)
        speeds = [
            voxels / 1e6 / max(1e-9, sum(getattr(row, f"{what}_cpu_s") or 0 for row in own))
            for what in ("encode", "decode")
        ]
        lines.append([codec, str(len(own)), *(f"{speed:.2f}" for speed in speeds)])
    heads = ["codec", "points", "encode", "decode"]
    return f"## Million voxels per CPU second, all points\n\n{markdown_table(heads, lines)}" if lines else ""


def _failures(rows: Sequence[LossyRow]) -> str:
    lines = [[row.codec, row.file, row.protocol, f"{row.point:g}", row.note] for row in rows if row.note]
    return (
        "## Failures\n\n" + markdown_table(["codec", "file", "protocol", "point", "what"], lines)
        if lines
        else ""
    )
