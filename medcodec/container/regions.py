"""Which part of which box a selection of the volume needs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from medcodec.volume.frames import Axes, FrameLayout, Grid, Shape4

AnyArray = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Index4 = tuple[Any, Any, Any, Any]


@dataclass(frozen=True)
class Region:
    """A rectangular selection of a volume, with rising ranges, seen in the axes of the frames.

    Parameters
    ----------
    layout
        Of the whole volume.
    ranges
        Rising indices along each axis of the volume.
    """

    layout: FrameLayout
    ranges: tuple[range, ...]

    @property
    def _full_ranges(self) -> tuple[range, ...]:
        return (*self.ranges, range(self.layout.full_shape[-1]))

    @property
    def frame_shape(self) -> Shape4:
        """Shape of the selected part of the frame array."""
        s, f, h, w = (math.prod(len(self._full_ranges[axis]) for axis in role) for role in self.layout.roles)
        return s, f, h, w

    def role_indices(self, role: Axes) -> Indices:
        """Return the rising indices that are needed along one axis of the frame array."""
        indices = np.zeros(1, np.int64)
        for axis in role:
            here = np.asarray(self._full_ranges[axis], np.int64)
            indices = (indices[:, None] * self.layout.full_shape[axis] + here).reshape(-1)
        return indices

    def to_volume(self, frames: AnyArray) -> AnyArray:
        """Return the selected part of the volume from that of the frames."""
        return self.layout.from_frames(frames, tuple(len(part) for part in self._full_ranges))


class Part(NamedTuple):
    """What one box gives to a region: ``region[target] = box[local]``.

    Parameters
    ----------
    number, shape
        Of the box.
    target, local
        Indices into the region's frame array and into the box.
    whole
        Whether the whole box is needed.
    """

    number: int
    shape: Shape4
    target: Index4
    local: Index4
    whole: bool


@dataclass(frozen=True)
class Cells:
    """The parts of a region without gaps, as one array.

    Parameters
    ----------
    numbers
        Of the boxes.
    cuts
        Shape ``(boxes, 4, 4)``: for each box and axis the size of the box, the first index that is wanted,
        how many are, and the first index in the region.
    """

    numbers: Indices
    cuts: Indices

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, some: slice) -> Cells:
        return Cells(self.numbers[some], self.cuts[some])

    @property
    def shapes(self) -> list[Shape4]:
        """Shape of each box."""
        return [(s, f, h, w) for s, f, h, w in self.cuts[:, :, 0].tolist()]

    @property
    def voxels(self) -> Indices:
        """Voxels of each box."""
        return np.asarray(self.cuts[:, :, 0].prod(axis=1))

    def parts(self) -> list[Part]:
        """Return the same, one by one."""
        return [
            _part(number, axes)
            for number, axes in zip(self.numbers.tolist(), self.cuts.tolist(), strict=True)
        ]


def select_cells(grid: Grid, region: Region) -> Cells | None:
    """Return what `select` yields, if the region has voxels and no gaps along any axis of the frames."""
    if math.prod(region.frame_shape) == 0:
        return None
    count, numbers, columns = 1, np.zeros(1, np.int64), []
    for role, starts, size in zip(region.layout.roles, grid.starts, grid.shape, strict=True):
        indices = region.role_indices(role)
        first, last = int(indices[0]), int(indices[-1])
        if last - first != len(indices) - 1:
            return None
        begin, end = bisect_right(starts, first) - 1, bisect_right(starts, last)
        numbers = (numbers[:, None] * len(starts) + np.arange(begin, end)).reshape(-1)
        columns.append(
            _cut_columns([*starts[begin:end], *starts[end : end + 1], size][: end - begin + 1], first, last)
        )
        count *= end - begin
    cuts = np.empty((*(len(column) for column in columns), 4, 4), np.int64)
    for axis, column in enumerate(columns):
        cuts[..., axis, :] = column.reshape([-1 if n == axis else 1 for n in range(4)] + [4])
    return Cells(numbers, cuts.reshape(count, 4, 4))


def _cut_columns(edges: list[int], first: int, last: int) -> Indices:
    rows = []
    for start, stop in pairwise(edges):
        low, high = max(first, start), min(last + 1, stop)
        rows.append((stop - start, low - start, high - low, low - first))
    return np.array(rows, np.int64)


def _part(number: int, axes: list[list[int]]) -> Part:
    s, f, h, w = (
        (size, slice(to, to + count), slice(local, local + count, 1), count == size)
        for size, local, count, to in axes
    )
    return Part(
        number,
        (s[0], f[0], h[0], w[0]),
        (s[1], f[1], h[1], w[1]),
        (s[2], f[2], h[2], w[2]),
        s[3] and f[3] and h[3] and w[3],
    )


def select(grid: Grid, region: Region) -> Iterator[Part]:
    """Yield the parts of all boxes that a region touches, in the order of the boxes."""
    if math.prod(region.frame_shape) == 0:
        return
    s_cuts, f_cuts, h_cuts, w_cuts = (
        list(_cuts(region.role_indices(role), starts, size))
        for role, starts, size in zip(region.layout.roles, grid.starts, grid.shape, strict=True)
    )
    _, f_count, h_count, w_count = grid.counts
    for s, f, h in product(s_cuts, f_cuts, h_cuts):
        first = ((s.number * f_count + f.number) * h_count + h.number) * w_count
        for w in w_cuts:
            yield Part(
                first + w.number,
                (s.length, f.length, h.length, w.length),
                (s.target, f.target, h.target, w.target),
                _as_index((s, f, h, w)),
                s.whole and f.whole and h.whole and w.whole,
            )


class _Cut(NamedTuple):
    number: int
    length: int
    target: slice
    local: Indices
    local_slice: slice | None
    whole: bool


def _cuts(indices: Indices, starts: Sequence[int], size: int) -> Iterator[_Cut]:
    at = 0
    while at < len(indices):
        number = bisect_right(starts, int(indices[at])) - 1
        stop = starts[number + 1] if number + 1 < len(starts) else size
        end = int(np.searchsorted(indices, stop))
        local = indices[at:end] - starts[number]
        length = stop - starts[number]
        yield _Cut(number, length, slice(at, end), local, _as_slice(local), end - at == length)
        at = end


def _as_index(cells: tuple[_Cut, _Cut, _Cut, _Cut]) -> Index4:
    s, f, h, w = cells
    if s.local_slice and f.local_slice and h.local_slice and w.local_slice:
        return s.local_slice, f.local_slice, h.local_slice, w.local_slice
    return cast(Index4, np.ix_(s.local, f.local, h.local, w.local))


def _as_slice(local: Indices) -> slice | None:
    first, last = int(local[0]), int(local[-1])
    if last - first == len(local) - 1:
        return slice(first, last + 1, 1)
    step = int(local[1]) - first
    regular = last == first + step * (len(local) - 1) and bool((np.diff(local) == step).all())
    return slice(first, last + 1, step) if regular else None
