"""Run codecs over a data set: what is done already is kept, every result is on disk when it is there."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medcodec.container.atomic import write_atomically
from medcodec.errors import FormatError, MedcodecError, OptionError
from medcodec.evaluation.datasets import Dataset
from medcodec.evaluation.job import Job, Options, Result, Row, run_job
from medcodec.evaluation.metrics import parse_peak
from medcodec.evaluation.specs import CodecSpec
from medcodec.pool import run_all
from medcodec.volume.guard import guarded

ROWS, PREVIEWS, TABLE_CSV, TABLE_JSON = "rows", "previews", "results.csv", "results.json"
_LISTS = ("slice_psnr_db", "slice_bits")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finished:
    """What a run did.

    Parameters
    ----------
    rows
        Of all jobs of this run, those that were done before included.
    kept
        How many were done before.
    failed
        Rows with an error.
    """

    rows: list[Row]
    kept: int
    failed: list[Row]


def plan(
    dataset: Dataset,
    folder: Path,
    codecs: list[CodecSpec],
    points: dict[str, list[float | None]],
    options: Options,
) -> list[Job]:
    """Return all jobs of a run, item by item.

    Raises
    ------
    OptionError
        If a codec has points but no option that they are values of, or does not take its settings; or the
        peak means nothing.
    """
    if options.peak:
        parse_peak(options.peak, np.zeros(1))
    for codec in codecs:
        if not codec.point_option and points[codec.label] != [None]:
            msg = f"codec {codec.label!r} has no quality to choose; give it no points, or name the option: "
            msg += f"{codec.label}:point=OPTION"
            raise OptionError(msg)
        for point in points[codec.label]:
            codec.make(point)
    return [
        Job(
            dataset=dataset.name,
            folder=str(folder.resolve()),
            item=item,
            codec=codec,
            point=point,
            options=options,
        )
        for item in dataset.items
        for codec in codecs
        for point in points[codec.label]
    ]


def run(
    jobs: list[Job],
    out: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Finished:
    """Run the jobs that have no result in ``out`` yet, and write the tables.

    Parameters
    ----------
    out
        Folder for results; those of other runs stay.
    workers, scheduler
        See `medcodec.pool.run_all`.
    progress
        Called with jobs done and jobs in all.

    Raises
    ------
    MissingDependencyError
        If this machine is to run them and lacks what the metrics need.
    MedcodecError
        If results cannot be written. A job that fails is told in its row.
    """
    if jobs and scheduler is None:
        jobs[0].options.require()
    with guarded(str(out), "make the folder"):
        (out / ROWS).mkdir(parents=True, exist_ok=True)
        (out / PREVIEWS).mkdir(exist_ok=True)
    done = {key: row for key, row in _stored(out).items() if not row["error"]}
    # Keys are made here only: on another machine a file may have another time stamp.
    keys = [job.key for job in jobs]
    left = [number for number, key in enumerate(keys) if key not in done]
    kept = len(jobs) - len(left)
    if progress:
        progress(kept, len(jobs))
    outcomes = run_all(run_job, [jobs[number] for number in left], workers=workers, scheduler=scheduler)
    for count, (task, outcome) in enumerate(outcomes, start=1):
        number = left[task]
        result = outcome if isinstance(outcome, Result) else _failure(jobs[number], outcome)
        _store(out, keys[number], result)
        done[keys[number]] = result.row
        if progress:
            progress(kept + count, len(jobs))
    write_tables(out)
    rows = [done[key] for key in keys]
    return Finished(rows, kept, [row for row in rows if row["error"]])


def load_rows(out: Path) -> dict[str, Row]:
    """Return the good rows of a folder of results, by key.

    Raises
    ------
    OptionError
        If there are none.
    """
    rows = {key: row for key, row in _stored(out).items() if not row["error"]}
    if not rows:
        msg = f"{out}: holds no results; make some with medcodec evaluate --out {out}"
        raise OptionError(msg)
    return dict(sorted(rows.items(), key=lambda pair: _order(pair[1])))


def count_failed(out: Path) -> int:
    """Return how many rows of a folder of results tell of a failure."""
    return sum(bool(row["error"]) for row in _stored(out).values())


def load_previews(out: Path, key: str) -> list[dict[str, Any]]:
    """Return the pictures of a row; an empty list where none were kept."""
    path = out / PREVIEWS / f"{key}.json"
    loaded: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return loaded


def write_tables(out: Path) -> None:
    """Write all rows of a folder as CSV (without the lists per slice) and JSON."""
    rows = sorted(_stored(out).values(), key=_order)
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(column for row in flat for column in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    _write(out / TABLE_CSV, text.getvalue())
    _write(out / TABLE_JSON, json.dumps(_finite(rows), indent=1))


def _order(row: Row) -> tuple[Any, ...]:
    point = row["point"]
    return row["dataset"], row["item"], row["codec"], -math.inf if point is None else point


def _flat(row: Row) -> Row:
    flat = {key: value for key, value in row.items() if key not in (*_LISTS, "task", "settings")}
    flat["settings"] = json.dumps(row.get("settings", {}), sort_keys=True)
    return {**flat, **row.get("task", {})}


def _finite(value: Any) -> Any:
    """Return a value without infinite numbers, which JSON does not have: they become text."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _stored(out: Path) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for path in sorted((out / ROWS).glob("*.json")):
        try:
            row = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            msg = f"{path}: cannot be read ({error}); remove it, and its job runs again"
            raise FormatError(msg) from error
        for key in ("psnr_db", "psnr_slice_db"):
            if isinstance(row.get(key), str):
                row[key] = float(row[key])
        if "slice_psnr_db" in row:
            row["slice_psnr_db"] = [float(value) for value in row["slice_psnr_db"]]
        rows[path.stem] = row
    return rows


def _store(out: Path, key: str, result: Result) -> None:
    if result.previews:
        pictures = [dataclasses.asdict(preview) for preview in result.previews]
        _write(out / PREVIEWS / f"{key}.json", json.dumps(pictures))
    # The row comes last: where it is, all of the result is.
    _write(out / ROWS / f"{key}.json", json.dumps(_finite(result.row)))


def _failure(job: Job, error: Result | Exception) -> Result:
    known = isinstance(error, MedcodecError)
    text = str(error) if known else f"internal error ({type(error).__name__}: {error})"
    row = {"dataset": job.dataset, "item": job.item.name, "group": job.item.group, "codec": job.codec.label}
    return Result({**row, "point": job.point, "error": text}, [])


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())
