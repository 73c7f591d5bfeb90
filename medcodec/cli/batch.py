"""Many scans into one folder: what is there already is kept, failures are told at the end."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from medcodec.api import compress
from medcodec.cli.command import DONE, FAILED
from medcodec.cli.compress import summary_line
from medcodec.cli.console import Console, human_bytes, ratio
from medcodec.cli.patterns import SUFFIX
from medcodec.container.parallel import default_threads, ordered_map
from medcodec.errors import LossyMammogramWarning, MedcodecError
from medcodec.pool import run_all
from medcodec.resume import already_done
from medcodec.targets import target_of
from medcodec.volume import ScanSource, find_scans, suffixes

_SHOWN_WARNINGS = 3


@dataclass(frozen=True)
class Outcome:
    """What became of one scan: its sizes where it worked, what was reached of a rate, and a line about it."""

    name: str
    state: str
    voxel_bytes: int = 0
    source_bytes: int = 0
    file_bytes: int = 0
    text: str = ""
    reached: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    scan: ScanSource
    destination: Path

    def absolute(self) -> _Job:
        """Return the job with paths that hold in any working folder."""
        paths = tuple(path.absolute() for path in self.scan.paths)
        return _Job(
            replace(self.scan, paths=paths, root=self.scan.root.absolute()), self.destination.absolute()
        )


def compress_all(
    inputs: list[str],
    folder: Path | None,
    *,
    options: dict[str, Any],
    console: Console,
    workers: int | None = None,
    scheduler: str | None = None,
) -> int:
    """Compress every scan in ``inputs``, show a table, and return the exit status.

    The results go into ``folder``, or beside the scans if that is None.

    Several scans are worked on at a time: by threads of this process, which share ``options["threads"]``;
    with ``workers`` by that many processes; with a ``scheduler`` by the workers of a Dask cluster, which see
    all files under the same paths. See `medcodec.pool.run_all` for what happens when one of those dies.
    """
    jobs, outcomes = _find_jobs(inputs, folder, console)
    found: dict[int, Outcome] = {}
    with console.progress(f"{len(jobs)} scans") as progress:
        for number, result in _results(jobs, options, workers, scheduler):
            outcome = result if isinstance(result, Outcome) else _failure(jobs[number], result)
            found[number] = outcome
            for note in outcome.notes:
                console.note(note)
            if outcome.state == "failed":
                console.error(f"{outcome.name}: {outcome.text}")
            else:
                console.detail(outcome.text)
            if progress:
                progress(len(found), len(jobs))
    outcomes += [found[number] for number in sorted(found)]
    _report(outcomes, console)
    return FAILED if any(outcome.state == "failed" for outcome in outcomes) else DONE


def _results(
    jobs: list[_Job], options: dict[str, Any], workers: int | None, scheduler: str | None
) -> Iterable[tuple[int, Outcome | Exception]]:
    if workers is None and scheduler is None:
        threads = options["threads"] or default_threads()
        at_a_time = max(1, min(threads, len(jobs)))
        options = {**options, "threads": threads // at_a_time}
        return enumerate(ordered_map(lambda job: _compress(job, options), jobs, threads=at_a_time))
    # Processes run side by side: each has one thread unless told otherwise.
    work = partial(_compress_elsewhere, options={**options, "threads": options["threads"] or 1})
    return run_all(work, [job.absolute() for job in jobs], workers=workers or 1, scheduler=scheduler)


def _failure(job: _Job, error: Exception) -> Outcome:
    text = str(error) if isinstance(error, MedcodecError) else f"internal error ({error!r})"
    return Outcome(job.scan.name, "failed", text=text)


def _find_jobs(inputs: list[str], folder: Path | None, console: Console) -> tuple[list[_Job], list[Outcome]]:
    jobs: list[_Job] = []
    failures: list[Outcome] = []
    taken: set[Path] = set()
    for name in inputs:
        try:
            scans = find_scans(name)
        except MedcodecError as error:
            console.error(str(error))
            failures.append(Outcome(name, "failed", text=str(error)))
            continue
        failures += _rejected(scans[0].warnings, console)
        place = folder or Path(name).parent
        jobs += [_Job(scan, _free_name(place / f"{scan.name}{SUFFIX}", taken)) for scan in scans]
    return jobs, failures


def _rejected(warnings: tuple[str, ...], console: Console) -> list[Outcome]:
    """Tell of files that are in no scan; those that are named like scans count as failures."""
    failures: list[Outcome] = []
    others: list[str] = []
    for warning in warnings:
        path = warning.partition(": ")[0]
        if path.lower().endswith(suffixes()):
            console.error(warning)
            failures.append(Outcome(path, "failed", text=warning))
        else:
            others.append(warning)
    for number, warning in enumerate(others):
        (console.note if number < _SHOWN_WARNINGS else console.detail)(f"skipped: {warning}")
    if len(others) > _SHOWN_WARNINGS:
        console.note(f"skipped: {len(others) - _SHOWN_WARNINGS} more files (--verbose lists them)")
    return failures


def _free_name(path: Path, taken: set[Path]) -> Path:
    candidate, number = path, 1
    while candidate in taken:
        number += 1
        candidate = path.with_name(f"{path.name.removesuffix(SUFFIX)}-{number}{SUFFIX}")
    taken.add(candidate)
    return candidate


def _compress_elsewhere(job: _Job, options: dict[str, Any]) -> Outcome:
    # The outcome's notes say it.
    warnings.simplefilter("ignore", LossyMammogramWarning)
    return _compress(job, options)


def _compress(job: _Job, options: dict[str, Any]) -> Outcome:
    scan, destination = job.scan, job.destination
    try:
        source_bytes = sum(path.stat().st_size for path in scan.paths)
        if not options["overwrite"] and destination.exists():
            kept = already_done(
                destination,
                scan,
                max_error=options["max_error"],
                target=target_of(
                    **{key: options[key] for key in ("psnr", "bpv", "ratio", "quality", "peak")}
                ),
                threads=options["threads"],
            )
            text = f"{destination}: holds {scan.name} already"
            return Outcome(scan.name, "kept", kept, source_bytes, destination.stat().st_size, text)
        destination.parent.mkdir(parents=True, exist_ok=True)
        done = compress(scan, destination, **options)
    except MedcodecError as error:
        return Outcome(scan.name, "failed", text=str(error))
    except OSError as error:
        return Outcome(scan.name, "failed", text=f"{destination}: {error.strerror}; check the output folder")
    except Exception as error:  # of whatever library: the other scans go on
        return _failure(job, error)
    text = summary_line(scan.name, done, source_bytes)
    return Outcome(
        scan.name,
        "done",
        done.voxel_bytes,
        source_bytes,
        done.file_bytes,
        text,
        done.reached.amount if done.reached else "",
        done.notes,
    )


def _report(outcomes: list[Outcome], console: Console) -> None:
    good = [outcome for outcome in outcomes if outcome.state != "failed"]
    columns = ["scan", "", "voxels", "input", "result", "of voxels", "of input"]
    rows = [_row(outcome) for outcome in outcomes]
    if any(outcome.reached for outcome in outcomes):
        columns.append("reached")
        rows = [[*row, outcome.reached] for row, outcome in zip(rows, outcomes, strict=True)]
    console.table("", columns, rows)
    voxels, sources, results = (
        sum(getattr(outcome, key) for outcome in good)
        for key in ("voxel_bytes", "source_bytes", "file_bytes")
    )
    failed = [outcome.name for outcome in outcomes if outcome.state == "failed"]
    text = f"{len(good)} of {len(outcomes)} scans: {human_bytes(voxels)} of voxels to {human_bytes(results)}"
    text += f", {ratio(voxels, results)} smaller"
    text += f"; {ratio(sources, results)} against inputs of {human_bytes(sources)}"
    console.result(text)
    if failed:
        console.result(f"failed: {', '.join(failed)}")


def _row(outcome: Outcome) -> list[str]:
    if outcome.state == "failed":
        return [outcome.name, "failed", "", "", "", "", ""]
    sizes = (outcome.voxel_bytes, outcome.source_bytes, outcome.file_bytes)
    ratios = (ratio(outcome.voxel_bytes, outcome.file_bytes), ratio(outcome.source_bytes, outcome.file_bytes))
    return [outcome.name, outcome.state, *(human_bytes(size) for size in sizes), *ratios]
