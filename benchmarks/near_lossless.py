"""Measure near-lossless codecs on integer volumes: size, PSNR and greatest error for bounds N.

Run as ``python -m benchmarks.near_lossless VOLUMES... --csv results.csv``; see ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.command import Benchmark
from benchmarks.measure import cpu_time, measure_apart
from benchmarks.near_rivals import NEAR_RIVALS, NearRival
from benchmarks.near_tables import near_report
from benchmarks.rivals import AnyArray, Job
from benchmarks.rows import Key, NearRow
from benchmarks.volumes import Source, integer_view, load_stack, shape_text, write_plain

MAX_ERRORS = (1, 2, 3, 5, 8, 12)
RIVALS = {rival.name: rival for rival in NEAR_RIVALS}


def describe(source: Source, codec: str, max_error: int) -> NearRow:
    """Return a row that says what is measured, without results."""
    stack = load_stack(source.path)
    return NearRow(source.name, shape_text(stack), str(stack.dtype), stack.size, codec, max_error)


def measure(source: Source, codec: str, max_error: int) -> NearRow:
    """Encode, decode and compare one volume at one bound, in this process."""
    row = describe(source, codec, max_error)
    stack = load_stack(source.path)
    rival = RIVALS[codec]
    with TemporaryDirectory() as folder:
        job = _prepare(source, stack, rival, Path(folder))
        if job is None:
            return replace(row, note="unsupported: not integers of at most 16 bits")
        streams, encode_cpu_s = cpu_time(partial(rival.encode, job, max_error))
        decoded, decode_cpu_s = cpu_time(partial(rival.decode, streams, job))
    size = sum(map(len, streams))
    largest_error, psnr_db = _compare(job.stack, decoded)
    broken = rival.is_bounded and largest_error > max_error
    return replace(
        row,
        bytes=size,
        bpv=8 * size / stack.size,
        largest_error=largest_error,
        psnr_db=psnr_db,
        encode_cpu_s=encode_cpu_s,
        decode_cpu_s=decode_cpu_s,
        note="bound broken" if broken else "",
    )


def _prepare(source: Source, stack: AnyArray, rival: NearRival, folder: Path) -> Job | None:
    """Return what ``rival`` gets: frames of z within t, t within z for the coders in three dimensions."""
    # A bound in stored units is the same for all only if these are whole numbers.
    view = integer_view(stack) if np.array_equal(stack, np.rint(stack)) else None
    if view is None:
        return None
    if rival.takes == "file":
        frames = stack.reshape(-1, *stack.shape[-2:])
        return Job(frames, view.bits, write_plain(source.path, folder))
    # Time neighbours are alike more than slices are, and order does not matter to slices coded alone.
    values = view.values.swapaxes(0, 1) if stack.ndim == 4 else view.values
    return Job(np.ascontiguousarray(values.reshape(-1, *values.shape[-2:])), view.bits)


def _compare(original: AnyArray, decoded: AnyArray) -> tuple[int, float]:
    """Return the greatest error, and the PSNR in dB against the data range of the original."""
    errors = np.abs(original.astype(np.int64) - decoded.astype(np.int64))
    mean_square = float(np.mean(errors.astype(np.float64) ** 2))
    peak = float(np.ptp(original))
    psnr_db = 10 * np.log10(peak**2 / mean_square) if mean_square else np.inf
    return int(errors.max()), float(psnr_db)


def _tasks(
    sources: Sequence[Source], codecs: Sequence[str], options: argparse.Namespace
) -> dict[Key, Callable[[], NearRow]]:
    return {
        (source.name, codec, max_error): partial(measure_apart, measure, describe, source, codec, max_error)
        for codec in codecs
        for source in sources
        for max_error in options.max_errors
    }


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-errors", nargs="+", type=int, default=MAX_ERRORS, metavar="N")


main = Benchmark(
    name="near_lossless",
    text=__doc__,
    kind=NearRow,
    missing={name: rival.missing for name, rival in RIVALS.items()},
    tasks=_tasks,
    report=near_report,
    is_broken=lambda row: row.note == "bound broken",
    add_options=_add_options,
).main


if __name__ == "__main__":
    raise SystemExit(main())
