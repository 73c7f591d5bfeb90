"""How two volumes differ: greatest error, where, and PSNR."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.container.proof import greatest_error
from medcodec.errors import UnsupportedDataError
from medcodec.volume.frames import split_components
from medcodec.volume.lossy import KEY as LOSSY
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.original import BLOB as ORIGINAL

AnyArray = npt.NDArray[Any]
_CHUNK_VOXELS = 1 << 22


@dataclass(frozen=True)
class Difference:
    """What `compare` found.

    Parameters
    ----------
    voxels, different
        Number of voxels, and of those that differ in any bit of their value.
    max_error
        Greatest absolute difference.
    where
        Index of the first voxel that has it; None where nothing differs.
    psnr_db
        10 log10(peak**2 / mean squared error); infinite for equal volumes.
    peak
        The range of the first volume's values, which the PSNR refers to.
    scaled
        Whether scaled values were compared, because the volumes are scaled differently.
    """

    voxels: int
    different: int
    max_error: float
    where: tuple[int, ...] | None
    psnr_db: float
    peak: float
    scaled: bool


def compare(first: Volume, second: Volume) -> Difference:
    """Return how two volumes of one shape differ.

    Stored values are compared where both volumes have the same slope and intercept, scaled ones otherwise.

    Raises
    ------
    UnsupportedDataError
        If shapes differ, or one has components (RGB, complex) that the other has not.
    """
    a, b = split_components(first.voxels), split_components(second.voxels)
    if a.shape != b.shape:
        msg = f"volumes of shape {first.voxels.shape} and {second.voxels.shape} cannot be compared"
        if first.voxels.shape == second.voxels.shape:
            msg = f"voxels of dtype {first.voxels.dtype} and {second.voxels.dtype} cannot be compared"
        raise UnsupportedDataError(msg)
    scaled = _scaling(first) != _scaling(second)
    different, worst, where = 0, 0.0, None
    squares, lowest, highest = 0.0, math.inf, -math.inf
    for at, x, y in _chunks(a, b):
        if scaled:
            x, y = _scale(x, first), _scale(y, second)  # noqa: PLW2901
        changed = _changed(x, y)
        different += int(changed.any(axis=-1).sum())
        lowest, highest = _widen(x, lowest, highest)
        error = greatest_error(x, y)
        if error > 0:
            squares += _sum_of_squares(x, y)
        if error > worst or (where is None and changed.any()):
            worst, where = error, _first_with(x, y, changed, at)
    peak = highest - lowest if highest > lowest else 0.0
    return Difference(
        voxels=first.voxels.size,
        different=different,
        max_error=worst,
        where=where,
        psnr_db=_psnr(squares / max(1, a.size), peak),
        peak=peak,
        scaled=scaled,
    )


def same_source(first: SourceRecord, second: SourceRecord) -> bool:
    """Tell whether two records restore the same bytes beside the voxels.

    Names of files, marks of lossy compression, and how a file was packed do not matter.
    """
    if first.format != second.format or _blobs(first) != _blobs(second):
        return False
    return _facts(first) == _facts(second)


def _facts(source: SourceRecord) -> str:
    # As JSON, because a record that was read from a file has lists where a new one may have tuples.
    return json.dumps({**source.meta, "name": "", LOSSY: ()}, sort_keys=True)


def _blobs(source: SourceRecord) -> dict[str, bytes]:
    return {name: data for name, data in source.blobs.items() if name != ORIGINAL}


def _scaling(volume: Volume) -> tuple[str, str]:
    return repr(float(volume.slope)), repr(float(volume.intercept))


def _scale(values: AnyArray, volume: Volume) -> AnyArray:
    return np.asarray(values.astype(np.float64) * volume.slope + volume.intercept)


def _chunks(a: AnyArray, b: AnyArray) -> Iterator[tuple[int, AnyArray, AnyArray]]:
    per_slab = max(1, math.prod(a.shape[1:]))
    step = max(1, _CHUNK_VOXELS // per_slab)
    for at in range(0, a.shape[0], step):
        yield at, a[at : at + step], b[at : at + step]


def _changed(x: AnyArray, y: AnyArray) -> AnyArray:
    both_nan = (x != x) & (y != y)  # noqa: PLR0124 (NaN)
    return np.asarray((x != y) & ~both_nan)


def _widen(x: AnyArray, lowest: float, highest: float) -> tuple[float, float]:
    finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    if finite.size == 0:
        return lowest, highest
    return min(lowest, float(finite.min())), max(highest, float(finite.max()))


def _sum_of_squares(x: AnyArray, y: AnyArray) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        delta = np.subtract(x, y, dtype=np.float64)
    return float(np.square(delta[np.isfinite(delta)]).sum()) if np.isfinite(delta).all() else math.inf


def _first_with(x: AnyArray, y: AnyArray, changed: AnyArray, at: int) -> tuple[int, ...]:
    with np.errstate(invalid="ignore", over="ignore"):
        delta = np.abs(np.subtract(x, y, dtype=np.float64))
    delta = np.where(changed, np.where(np.isnan(delta), np.inf, delta), -1.0)
    index = np.unravel_index(int(delta.argmax()), delta.shape)
    return (int(index[0]) + at, *(int(n) for n in index[1:-1]))


def _psnr(mean_square: float, peak: float) -> float:
    if mean_square == 0:
        return math.inf
    return 10 * math.log10(peak * peak / mean_square) if peak and math.isfinite(mean_square) else -math.inf
