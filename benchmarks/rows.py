"""The rows of the results, and the CSV files that keep them so that a stopped run can go on."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

Key = tuple[str | float, ...]


@dataclass(frozen=True)
class Row:
    """One lossless measurement.

    Parameters
    ----------
    file, shape, dtype, voxels
        The volume, as stored; ``shape`` in the file's index order, joined by "x".
    codec
        Name of the codec.
    bytes, bpv
        Coded size, and bits per voxel; None if the codec could not be run.
    encode_cpu_s, decode_cpu_s
        CPU seconds over all threads.
    exact
        The decoded voxels (or the restored file) equal the original bit for bit.
    note
        Why there is no size, or how the voxels were handed over.
    """

    file: str
    shape: str
    dtype: str
    voxels: int
    codec: str
    bytes: int | None = None
    bpv: float | None = None
    encode_cpu_s: float | None = None
    decode_cpu_s: float | None = None
    exact: bool | None = None
    note: str = ""

    @property
    def key(self) -> Key:
        """What tells this measurement from others."""
        return self.file, self.codec


@dataclass(frozen=True)
class NearRow:
    """One measurement with bounded, or aimed at, error.

    Parameters
    ----------
    file, shape, dtype, voxels, codec, bytes, bpv, encode_cpu_s, decode_cpu_s, note
        As in `Row`.
    max_error
        The bound that was asked for, in stored units.
    largest_error
        The greatest error that came out, in stored units.
    psnr_db
        Peak signal-to-noise ratio; the peak is the data range of the volume. Infinite if nothing was lost.
    """

    file: str
    shape: str
    dtype: str
    voxels: int
    codec: str
    max_error: int
    bytes: int | None = None
    bpv: float | None = None
    largest_error: int | None = None
    psnr_db: float | None = None
    encode_cpu_s: float | None = None
    decode_cpu_s: float | None = None
    note: str = ""

    @property
    def key(self) -> Key:
        """What tells this measurement from others."""
        return self.file, self.codec, self.max_error


@dataclass(frozen=True)
class LossyRow:
    """One lossy measurement.

    Parameters
    ----------
    file, codec, note
        As in `Row`.
    kind
        Of scan or video.
    protocol
        "8-bit" or "native".
    shape, dtype, voxels
        Of what was coded, shape as width, height, frames; of a video its luma, voxels are pixels.
    point
        The codec's setting.
    bytes, bpv
        The whole `.medc` files, and bits per voxel.
    coded_bytes, coded_bpv
        The same without their headers, indices and checksums.
    psnr_db
        Mean of the slices' PSNR; the peak is 255 for 8 bits, else the data range of what was coded. For video
        the mean of the frames' (6 Y + U + V) / 8.
    volume_psnr_db
        From the mean squared error of all slices; None for video.
    rgb_psnr_db
        Of video only, BT.709.
    largest_error
        The greatest error, in units of what was coded.
    encode_s, encode_cpu_s, decode_s, decode_cpu_s
        Wall and CPU seconds, of programs that were run, too.
    """

    file: str
    kind: str
    protocol: str
    shape: str
    dtype: str
    voxels: int
    codec: str
    point: float
    bytes: int | None = None
    bpv: float | None = None
    coded_bytes: int | None = None
    coded_bpv: float | None = None
    psnr_db: float | None = None
    volume_psnr_db: float | None = None
    rgb_psnr_db: float | None = None
    largest_error: float | None = None
    encode_s: float | None = None
    encode_cpu_s: float | None = None
    decode_s: float | None = None
    decode_cpu_s: float | None = None
    note: str = ""

    @property
    def key(self) -> Key:
        """What tells this measurement from others."""
        return self.file, self.protocol, self.codec, self.point


AnyRow = TypeVar("AnyRow", Row, NearRow, LossyRow)


def run_resumable(
    tasks: Mapping[Key, Callable[[], AnyRow]],
    path: Path,
    kind: type[AnyRow],
    *,
    jobs: int,
    redo: Sequence[str],
) -> list[AnyRow]:
    """Run the tasks that have no row in ``path`` yet, adding each at once; return all rows of the files.

    Codecs that were measured earlier and are no task now come along, so that tables compare with them.

    Parameters
    ----------
    tasks
        By the key of the row that they return, in the order in which they start.
    path
        The CSV file.
    kind
        `Row`, `NearRow` or `LossyRow`.
    jobs
        How many run at a time.
    redo
        Patterns of codecs: tasks of these are run again.
    """
    known = read_rows(path, kind)
    kept = [row for row in known if row.key not in tasks or not _matches(row.codec, redo)]
    if redo:
        path.unlink(missing_ok=True)
        append_rows(path, kept)
    rows = {row.key: row for row in kept}
    waiting = [task for key, task in tasks.items() if key not in rows]
    with ThreadPoolExecutor(jobs) as pool:
        for done, future in enumerate(as_completed(map(pool.submit, waiting)), start=1):
            row = future.result()
            rows[row.key] = row
            append_rows(path, [row])
            size = row.note if row.bpv is None else f"{row.bpv:.4f} bpv"
            print(f"[{done}/{len(waiting)}]", *row.key, size, file=sys.stderr)
    files = {key[0] for key in tasks}
    return [row for row in rows.values() if row.file in files]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def read_rows(path: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """Return the rows that an earlier run left in ``path``; none if the file does not exist."""
    if not path.exists():
        return []
    hints = get_type_hints(kind)
    with path.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    return [kind(**{key: _parse(text, hints[key]) for key, text in line.items()}) for line in lines]


def _parse(text: str, hint: Any) -> Any:
    if hint is str:
        return text
    if not text:
        return None
    base = next((option for option in get_args(hint) if option is not type(None)), hint)
    return text == "True" if base is bool else base(text)


def append_rows(path: Path, rows: Sequence[AnyRow]) -> None:
    """Add rows to ``path``; a new file starts with the names of the columns."""
    if not rows:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", newline="") as stream:
        names = [field.name for field in fields(rows[0])]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        if is_new:
            writer.writeheader()
        for row in rows:
            writer.writerow({key: _rounded(value) for key, value in asdict(row).items()})


def _rounded(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
