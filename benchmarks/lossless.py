"""Measure lossless codecs on volumes: bits per voxel, and CPU time both ways.

Run as ``python -m benchmarks.lossless VOLUMES... --csv results.csv``; see ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import benchmarks.general_rivals
import benchmarks.integer_rivals
import benchmarks.medcodec_entries
import benchmarks.video_rivals  # noqa: F401 - these modules fill the registry
from benchmarks.command import Benchmark
from benchmarks.measure import cpu_time, measure_apart
from benchmarks.rivals import RIVALS, AnyArray, Job, Rival
from benchmarks.rows import Key, Row
from benchmarks.tables import lossless_report
from benchmarks.volumes import Source, integer_view, load_stack, shape_text, write_plain

INTEGER_VALUED = "integer-valued"


def describe(source: Source, codec: str) -> Row:
    """Return a row that says what is measured, without results."""
    stack = load_stack(source.path)
    return Row(source.name, shape_text(stack), str(stack.dtype), stack.size, codec)


def measure(source: Source, codec: str) -> Row:
    """Encode, decode and compare one volume with one codec, in this process."""
    row = describe(source, codec)
    stack = load_stack(source.path)
    rival = RIVALS[codec]
    with TemporaryDirectory() as folder:
        job, note = _prepare(source, stack, rival, Path(folder))
        if job is None:
            return replace(row, note=note)
        streams, encode_cpu_s = cpu_time(partial(rival.encode, job))
        decoded, decode_cpu_s = cpu_time(partial(rival.decode, streams, job))
    size = sum(map(len, streams))
    return replace(
        row,
        bytes=size,
        bpv=8 * size / stack.size,
        encode_cpu_s=encode_cpu_s,
        decode_cpu_s=decode_cpu_s,
        exact=decoded.shape == job.stack.shape and decoded.tobytes() == job.stack.tobytes(),
        note=note,
    )


def _prepare(source: Source, stack: AnyArray, rival: Rival, folder: Path) -> tuple[Job | None, str]:
    """Return what ``rival`` gets, with a note; or None with the reason why it cannot take the volume."""
    if rival.over_time:
        if stack.ndim < 4 or 1 in stack.shape[:2]:
            return None, "not 4-D"
        stack = stack.swapaxes(0, 1)
    frames = np.ascontiguousarray(stack.reshape(-1, *stack.shape[-2:]))
    view = integer_view(frames)
    note = INTEGER_VALUED if view is not None and frames.dtype.kind == "f" else ""
    if rival.takes == "file":
        path = write_plain(source.path, folder)
        return Job(np.fromfile(path, np.uint8), 8, path), note
    if rival.takes == "stored":
        return Job(frames, 8 * frames.itemsize), note
    if view is None:
        return None, "unsupported: not integers of at most 16 bits"
    if view.bits > rival.max_bits:
        return None, f"unsupported: {view.bits} bits"
    return Job(view.values, view.bits), note and f"{note}; given as integers"


def _tasks(
    sources: Sequence[Source], codecs: Sequence[str], options: argparse.Namespace
) -> dict[Key, Callable[[], Row]]:
    del options
    return {
        (source.name, codec): partial(measure_apart, measure, describe, source, codec)
        for codec in codecs
        for source in sources
    }


main = Benchmark(
    name="lossless",
    text=__doc__,
    kind=Row,
    missing={name: rival.missing for name, rival in RIVALS.items()},
    tasks=_tasks,
    report=lossless_report,
    is_broken=lambda row: row.exact is False,
).main


if __name__ == "__main__":
    raise SystemExit(main())
