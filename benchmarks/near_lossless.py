"""Measure near-lossless codecs on integer volumes: size, PSNR and greatest error for bounds N.

Run as ``python -m benchmarks.near_lossless VOLUMES... --csv results.csv``; see ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.environment import preamble
from benchmarks.measure import cpu_time, measure_apart
from benchmarks.near_rivals import NEAR_RIVALS, NearRival
from benchmarks.near_tables import near_report
from benchmarks.options import add_common_options, choose
from benchmarks.rivals import AnyArray, Job
from benchmarks.rows import Key, NearRow, run_resumable
from benchmarks.volumes import Source, find_sources, integer_view, load_stack, shape_text, write_plain

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
    view = integer_view(stack) if stack.dtype.kind in "iu" else None
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_lossless", description=__doc__)
    add_common_options(parser, codecs=list(RIVALS))
    parser.add_argument("--max-errors", nargs="+", type=int, default=MAX_ERRORS, metavar="N")
    options = parser.parse_args(arguments)
    codecs = choose(options.codecs, {name: rival.missing() for name, rival in RIVALS.items()})
    sources = find_sources(options.volumes)
    tasks: dict[Key, Callable[[], NearRow]] = {
        (source.name, codec, max_error): partial(measure_apart, measure, describe, source, codec, max_error)
        for codec in codecs
        for source in sources
        for max_error in options.max_errors
    }
    rows = run_resumable(tasks, options.csv, NearRow, jobs=options.jobs, redo=options.redo)
    command = "python -m benchmarks.near_lossless"
    given = sys.argv[1:] if arguments is None else arguments
    report = f"{preamble(command, given, volumes=len(sources))}\n\n{near_report(rows)}"
    if options.markdown:
        options.markdown.write_text(report)
    print(report)
    return int(any(row.note == "bound broken" for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
