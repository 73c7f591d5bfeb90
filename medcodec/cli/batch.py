"""Many scans into one folder: what is there already is kept, failures are told at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcodec.api import compress
from medcodec.cli.command import DONE, FAILED
from medcodec.cli.compress import SUFFIX, summary_line
from medcodec.cli.console import Console, human_bytes, ratio
from medcodec.errors import MedcodecError
from medcodec.resume import already_done
from medcodec.volume import ScanSource, find_scans


@dataclass(frozen=True)
class Outcome:
    """What became of one scan: sizes where it worked, the reason where it did not."""

    name: str
    state: str
    voxel_bytes: int = 0
    source_bytes: int = 0
    file_bytes: int = 0
    reason: str = ""


def compress_all(inputs: list[str], folder: Path, *, options: dict[str, Any], console: Console) -> int:
    """Compress every scan in ``inputs`` into ``folder``, show a table, and return the exit status."""
    outcomes: list[Outcome] = []
    taken: set[Path] = set()
    for item in _scans(inputs, console):
        if isinstance(item, Outcome):
            outcomes.append(item)
            continue
        destination = _free_name(folder / f"{item.name}{SUFFIX}", taken)
        outcomes.append(_compress(item, destination, options, console))
        if outcomes[-1].state == "failed":
            console.error(f"{item.name}: {outcomes[-1].reason}")
    _report(outcomes, console)
    return FAILED if any(outcome.state == "failed" for outcome in outcomes) else DONE


def _scans(inputs: list[str], console: Console) -> Iterator[ScanSource | Outcome]:
    for name in inputs:
        try:
            found = find_scans(name)
        except MedcodecError as error:
            console.error(str(error))
            yield Outcome(name, "failed", reason=str(error))
            continue
        for warning in found[0].warnings:
            console.note(f"skipped: {warning}")
        yield from found


def _free_name(path: Path, taken: set[Path]) -> Path:
    candidate, number = path, 1
    while candidate in taken:
        number += 1
        candidate = path.with_name(f"{path.name.removesuffix(SUFFIX)}-{number}{SUFFIX}")
    taken.add(candidate)
    return candidate


def _compress(scan: ScanSource, destination: Path, options: dict[str, Any], console: Console) -> Outcome:
    source_bytes = sum(path.stat().st_size for path in scan.paths)
    try:
        if not options["overwrite"] and destination.exists():
            done_before = already_done(
                destination, scan, max_error=options["max_error"], threads=options["threads"]
            )
            if done_before:
                console.detail(f"{destination}: holds {scan.name} already")
                return Outcome(scan.name, "kept", done_before, source_bytes, destination.stat().st_size)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with console.progress(scan.name) as progress:
            done = compress(scan, destination, progress=progress, **options)
    except MedcodecError as error:
        console.detail(repr(error))
        return Outcome(scan.name, "failed", reason=str(error))
    except OSError as error:
        return Outcome(
            scan.name, "failed", reason=f"{destination}: {error.strerror}; check the output folder"
        )
    console.detail(summary_line(scan.name, done, source_bytes))
    return Outcome(scan.name, "done", done.voxel_bytes, source_bytes, done.file_bytes)


def _report(outcomes: list[Outcome], console: Console) -> None:
    good = [outcome for outcome in outcomes if outcome.state != "failed"]
    rows = [_row(outcome) for outcome in outcomes]
    console.table("", ["scan", "", "voxels", "input", "result", "of voxels", "of input"], rows)
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
