"""Markdown tables from the rows of a lossless run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.markdown import markdown_table
from benchmarks.rows import Row

OWN = "medcodec-"
ANCHORS = ("tomoz", "jpegxl-e9")

Picked = dict[str, Row]


@dataclass(frozen=True)
class Volume:
    """One volume with the exact results on it.

    Parameters
    ----------
    name, shape
        As in the rows.
    is_float
        The stored voxels are floats that are not integers times a factor.
    results
        Row by codec; of the two orders of a 4-D volume the smaller one, under the name without ``-t``.
    """

    name: str
    shape: str
    is_float: bool
    results: Picked

    @property
    def is_series(self) -> bool:
        """At least four volumes over time (fMRI, ASL, diffusion); not a single slice over time."""
        sizes = [int(size) for size in self.shape.split("x")]
        return len(sizes) == 4 and sizes[2] > 1 and sizes[3] >= 4

    def bpv(self, codec: str) -> float | None:
        """Return the codec's bits per voxel here, or None."""
        return self.results[codec].bpv if codec in self.results else None

    def best_rival(self) -> Row | None:
        """Return the smallest row that is not medcodec's."""
        rivals = [row for name, row in self.results.items() if not name.startswith(OWN)]
        return min(rivals, key=_size, default=None)


def _size(row: Row) -> float:
    return float("inf") if row.bytes is None else row.bytes


def group_rows(rows: Iterable[Row]) -> list[Volume]:
    """Return the volumes in the order of the rows, with the exact results of each."""
    by_file: dict[str, list[Row]] = {}
    for row in rows:
        by_file.setdefault(row.file, []).append(row)
    return [_group(found) for found in by_file.values()]


def _group(rows: Sequence[Row]) -> Volume:
    results: Picked = {}
    for row in rows:
        name = row.codec.removesuffix("-t")
        if row.exact and (name not in results or _size(row) < _size(results[name])):
            results[name] = row
    is_float = rows[0].dtype.startswith("float") and not any(row.note.startswith("integer") for row in rows)
    return Volume(rows[0].file, rows[0].shape, is_float, results)


def lossless_report(rows: Sequence[Row]) -> str:
    """Return all tables as one Markdown text."""
    volumes = group_rows(rows)
    integers = [volume for volume in volumes if not volume.is_float]
    floats = [volume for volume in volumes if volume.is_float]
    series = [volume for volume in integers if volume.is_series]
    sections = [
        *_sections("Integer-valued volumes", integers),
        *_sections("Series among them (4-D, at least 4 time points)", series),
        *_sections("Float volumes", floats),
        _failures(rows),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _sections(title: str, volumes: Sequence[Volume]) -> list[str]:
    if not volumes:
        return []
    names = list(dict.fromkeys(name for volume in volumes for name in volume.results))
    own = [name for name in names if name.startswith(OWN)]
    parts = [f"## {title}", _codec_table(names, volumes), _rival_table(volumes)]
    return parts + [_own_table(name, volumes) for name in own]


def _codec_table(names: Sequence[str], volumes: Sequence[Volume]) -> str:
    lines = []
    for name in names:
        rows = [volume.results[name] for volume in volumes if name in volume.results]
        lines.append(
            [
                name,
                f"{len(rows)} of {len(volumes)}",
                f"{fmean(row.bpv or 0 for row in rows):.4f}",
                *(_percent(_ratio_of_means(volumes, name, anchor)) for anchor in ANCHORS),
                _speed(rows, lambda row: row.encode_cpu_s),
                _speed(rows, lambda row: row.decode_cpu_s),
            ]
        )
    heads = ["codec", "volumes", "mean bpv", *(f"against {name}" for name in ANCHORS), "Mvoxel/s in", "out"]
    return markdown_table(heads, lines)


def _rival_table(volumes: Sequence[Volume]) -> str:
    lines = []
    for volume in volumes:
        best = volume.best_rival()
        if best is not None:
            bpv = [_number(volume.bpv(name)) for name in ANCHORS]
            lines.append([volume.name, volume.shape, *bpv, best.codec, _number(best.bpv)])
    return markdown_table(["volume", "shape", *ANCHORS, "best rival", "its bpv"], lines) if lines else ""


def _own_table(name: str, volumes: Sequence[Volume]) -> str:
    lines, ratios = [], {}
    for volume in volumes:
        bpv, best = volume.bpv(name), volume.best_rival()
        if bpv is None:
            continue
        to_best = bpv / best.bpv if best is not None and best.bpv else None
        if to_best is not None:
            ratios[volume.name] = to_best
        anchors = [_percent(_ratio(bpv, volume.bpv(anchor))) for anchor in ANCHORS]
        lines.append([volume.name, _number(bpv), *anchors, best.codec if best else "-", _percent(to_best)])
    heads = ["volume", f"{name} bpv", *(f"against {anchor}" for anchor in ANCHORS), "best rival", "to it"]
    text = markdown_table(heads, lines)
    for anchor in ANCHORS:
        each = [_ratio(volume.bpv(name), volume.bpv(anchor)) for volume in volumes]
        known = [ratio for ratio in each if ratio is not None]
        if known:
            text += f"\n\nMean of the ratios to {anchor}: {_percent(fmean(known))}."
    if ratios:
        worst = max(ratios, key=lambda file: ratios[file])
        larger = sum(ratio > 1 for ratio in ratios.values())
        text += f"\n\nWorst against its best rival: {worst} ({_percent(ratios[worst])}); "
        text += f"larger on {larger} of {len(ratios)} volumes."
    return text


def _failures(rows: Sequence[Row]) -> str:
    lines = [[row.codec, row.file, "not exact"] for row in rows if row.exact is False]
    lines += [[row.codec, row.file, row.note] for row in rows if row.note.startswith("failed")]
    return "## Failures\n\n" + markdown_table(["codec", "volume", "what"], lines) if lines else ""


def _ratio(bpv: float | None, anchor: float | None) -> float | None:
    return bpv / anchor if bpv is not None and anchor else None


def _ratio_of_means(volumes: Sequence[Volume], name: str, anchor: str) -> float | None:
    """Return mean bpv over mean bpv of the anchor, on the volumes that both have coded."""
    pairs = [(volume.bpv(name), volume.bpv(anchor)) for volume in volumes]
    both = [(bpv, base) for bpv, base in pairs if bpv is not None and base is not None]
    return _ratio(sum(bpv for bpv, _ in both), sum(base for _, base in both)) if both else None


def _speed(rows: Sequence[Row], seconds: Callable[[Row], float | None]) -> str:
    total = sum(seconds(row) or 0 for row in rows)
    return f"{sum(row.voxels for row in rows) / total / 1e6:.2f}" if total else "-"


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * (ratio - 1):+.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
