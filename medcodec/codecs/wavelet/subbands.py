"""The subbands of a frame: where they lie after lifting, and what a step in each costs in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native

MAX_LEVELS = 6
_SMALLEST = 8
_NORM_SIZE = 512

Plane = npt.NDArray[np.int32]
LOW, ROWS = 0, 2  # orientations
HIGH = (1, 2, 3)


@dataclass(frozen=True)
class Subband:
    """A subband in the plane that lifting leaves.

    Parameters
    ----------
    orientation
        0 the low band, 1 high across columns, 2 high across rows, 3 both.
    level
        0 the finest.
    rows, columns
        Where it lies.
    """

    orientation: int
    level: int
    rows: slice
    columns: slice

    @property
    def key(self) -> tuple[int, int]:
        """Orientation and level."""
        return self.orientation, self.level

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def dependent(self) -> bool:
        """Whether lossy levels are quantised by a trellis: the low band is not, which has few."""
        return self.orientation != LOW


def reduced(size: int, levels: int) -> int:
    """Return the length of an axis after some levels of lifting."""
    return (size + (1 << levels) - 1) >> levels


def level_count(height: int, width: int) -> int:
    """Return how many levels a picture is lifted over: until its low band is small."""
    levels = 0
    while levels < MAX_LEVELS and min(reduced(height, levels), reduced(width, levels)) >= _SMALLEST:
        levels += 1
    return levels


@lru_cache(maxsize=64)
def subbands(height: int, width: int) -> tuple[Subband, ...]:
    """Return the subbands that hold anything, from the coarsest to the finest (paper, Fig. 1)."""
    levels = level_count(height, width)
    low = Subband(
        LOW, max(levels - 1, 0), slice(0, reduced(height, levels)), slice(0, reduced(width, levels))
    )
    bands = [low]
    for level in reversed(range(levels)):
        rows = slice(0, reduced(height, level + 1)), slice(reduced(height, level + 1), reduced(height, level))
        columns = slice(0, reduced(width, level + 1)), slice(reduced(width, level + 1), reduced(width, level))
        bands += [Subband(1, level, rows[0], columns[1]), Subband(2, level, rows[1], columns[0])]
        bands.append(Subband(3, level, rows[1], columns[1]))
    return tuple(band for band in bands if min(band.shape) > 0)


@lru_cache(maxsize=64)
def synthesis_norm(orientation: int, level: int, levels: int) -> float:
    """Return the length of what one unit of a coefficient adds to the picture (9/7, without its scaling)."""
    unit = 1 << 14
    plane = np.zeros((_NORM_SIZE, _NORM_SIZE), np.int32)
    low = reduced(_NORM_SIZE, levels if orientation == LOW else level + 1)
    row = low // 2 + (low if orientation & 2 else 0)
    column = low // 2 + (low if orientation & 1 else 0)
    plane[row, column] = unit
    _native.lift_inverse(plane, levels=levels, reversible=False)
    return float(np.sqrt((plane.astype(np.float64) ** 2).sum())) / unit


BLOCK = 8  # coefficients along each side of a block that is predicted or not


def block_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many blocks cover a subband of ``shape``."""
    return -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)


def by_coefficient(blocks: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return each coefficient's value of its block."""
    return blocks.repeat(BLOCK, axis=0)[: shape[0]].repeat(BLOCK, axis=1)[:, : shape[1]]


def block_sums(
    values: npt.NDArray[Any], *, size: int = BLOCK, dtype: npt.DTypeLike = np.int64
) -> npt.NDArray[Any]:
    """Return the sums over blocks of ``size`` along each side."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], size), axis=0, dtype=dtype)
    return np.add.reduceat(rows, np.arange(0, values.shape[1], size), axis=1)
