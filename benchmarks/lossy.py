"""Measure lossy codecs on scans and videos: rate and PSNR at several points, with BD-rates against x265.

Run as ``python -m benchmarks.lossy VOLUMES... --csv results.csv``; see ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.command import Benchmark
from benchmarks.lossy_codecs import LISTED, all_entries, find_entry
from benchmarks.lossy_frames import (
    EIGHT_BITS,
    INTRA_PERIOD,
    PROTOCOLS,
    VIDEO_SUFFIXES,
    kind_of,
    load_content,
    protocols_of,
)
from benchmarks.lossy_tables import lossy_report
from benchmarks.measure import measure_apart
from benchmarks.rows import Key, LossyRow
from benchmarks.volumes import SUFFIXES, Source
from medcodec.evaluation.coding import code, fidelity
from medcodec.evaluation.content import Content


def describe(source: Source, protocol: str, codec: str, point: float) -> LossyRow:
    """Return a row that says what is measured, without results."""
    return _row(source, protocol, codec, point, load_content(source, protocol))


def _row(source: Source, protocol: str, codec: str, point: float, content: Content) -> LossyRow:
    voxels = next(iter(content.parts.values())).voxels
    shape = "x".join(map(str, voxels.shape))
    return LossyRow(
        source.name, kind_of(source), protocol, shape, str(voxels.dtype), content.samples, codec, point
    )


def measure(source: Source, protocol: str, codec: str, point: float) -> LossyRow:
    """Code one file at one point, decode what was written and compare, in this process."""
    content = load_content(source, protocol)
    row = _row(source, protocol, codec, point, content)
    with TemporaryDirectory() as folder:
        coder = find_entry(codec).make(point)
        coded = code(content, coder, Path(folder), group_frames=INTRA_PERIOD, threads=1)
    peak = "255" if protocol == EIGHT_BITS else "range"
    found = fidelity(content, coded.decoded, peak=peak)
    return replace(
        row,
        bytes=coded.file_bytes,
        bpv=8 * coded.file_bytes / content.samples,
        coded_bytes=coded.coded_bytes,
        coded_bpv=8 * coded.coded_bytes / content.samples,
        psnr_db=found["psnr_slice_db"],
        volume_psnr_db=None if content.video else found["psnr_db"],
        rgb_psnr_db=found.get("rgb_psnr_db"),
        largest_error=found["max_error"],
        encode_s=coded.encode.seconds,
        encode_cpu_s=coded.encode.cpu_seconds,
        decode_s=coded.decode.seconds,
        decode_cpu_s=coded.decode.cpu_seconds,
    )


def _tasks(
    sources: Sequence[Source], codecs: Sequence[str], options: argparse.Namespace
) -> dict[Key, Callable[[], LossyRow]]:
    points = {EIGHT_BITS: options.points, "native": options.points_native or options.points}
    return {
        (source.name, protocol, codec, float(point)): partial(
            measure_apart, measure, describe, source, protocol, codec, float(point)
        )
        for source in sources
        for protocol in protocols_of(source)
        if protocol in options.protocols
        for codec in codecs
        for point in points[protocol] or find_entry(codec).points(protocol)
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS, help="both by default"
    )
    parser.add_argument(
        "--points", nargs="+", type=float, metavar="P", help="of all codecs, instead of each one's own"
    )
    parser.add_argument("--points-native", nargs="+", type=float, metavar="P", help="at native depth")


main = Benchmark(
    name="lossy",
    text=__doc__,
    kind=LossyRow,
    missing={name: entry.missing for name, entry in all_entries().items()},
    variant=lambda name: find_entry(name).missing,
    tasks=_tasks,
    report=lossy_report,
    is_broken=lambda row: row.note.startswith("failed"),
    add_options=_add_options,
    default_codecs=tuple(LISTED),
    suffixes=(*SUFFIXES, *VIDEO_SUFFIXES),
).main


if __name__ == "__main__":
    raise SystemExit(main())
