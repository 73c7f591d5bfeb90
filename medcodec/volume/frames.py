"""How a volume becomes frames: which axes are sequences, frames, height and width; and cutting into boxes.

Nothing is computed on the values here: everything is a permutation of axes, so that it is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import OptionError, UnsupportedDataError

AnyArray = npt.NDArray[Any]
Shape4 = tuple[int, int, int, int]
Axes = tuple[int, ...]
Box = tuple[slice, slice, slice, slice]

AXIS_NAMES = "ijktuvw"
MAX_AXES = len(AXIS_NAMES)
SPACE_AXES = 3  # the first ones; time and the like follow


def component_type(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], int]:
    """Return the real dtype that frames have, and how many components one voxel has.

    Parameters
    ----------
    dtype
        Dtype of a volume: integer, float, bool, complex, or a packed structure whose fields share one
        integer or float dtype (RGB, RGBA).

    Raises
    ------
    UnsupportedDataError
        For any other dtype.
    """
    if dtype.names:
        parts = {dtype[name] for name in dtype.names}
        base = next(iter(parts))
        if len(parts) == 1 and base.kind in "iuf" and dtype.itemsize == base.itemsize * len(dtype.names):
            return base.newbyteorder("="), len(dtype.names)
    elif dtype.kind == "b":
        return np.dtype("u1"), 1
    elif dtype.kind == "c" and dtype.itemsize <= 16:
        return np.dtype(f"f{dtype.itemsize // 2}"), 2
    elif dtype.kind in "iuf" and dtype.itemsize <= 8:
        return dtype.newbyteorder("="), 1
    msg = f"voxels of dtype {dtype} are not supported: integer, float, complex and RGB(A) voxels are"
    raise UnsupportedDataError(msg)


def split_components(voxels: AnyArray) -> AnyArray:
    """Return a writable view of ``voxels`` with its components as a last axis, of a real dtype."""
    base, count = component_type(voxels.dtype)
    if voxels.dtype.names is not None:
        first = voxels[voxels.dtype.names[0]]
    else:
        first = voxels.real if voxels.dtype.kind == "c" else voxels.view(base)
    return np.lib.stride_tricks.as_strided(first, (*voxels.shape, count), (*voxels.strides, base.itemsize))


@dataclass(frozen=True)
class FrameLayout:
    """The map between a volume and an array of shape ``(sequences, frames, height, width)``.

    Parameters
    ----------
    shape, dtype
        Of the volume.
    sequences, frames, height, width
        The axes of the volume that are merged into each axis of the frames, slowest first. The number
        ``len(shape)`` stands for the components of a voxel (RGB, complex). Each axis occurs once.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    sequences: Axes
    frames: Axes
    height: Axes
    width: Axes

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.shape) + 1)):
            msg = f"layout {self.roles} does not name each of {len(self.shape)} axes and the components once"
            raise OptionError(msg)

    @property
    def roles(self) -> tuple[Axes, Axes, Axes, Axes]:
        """The merged axes, in the order of the frame array."""
        return self.sequences, self.frames, self.height, self.width

    @property
    def order(self) -> Axes:
        """All axes, slowest first."""
        return self.sequences + self.frames + self.height + self.width

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The shape of the volume with its components as a last axis."""
        return (*self.shape, component_type(self.dtype)[1])

    @property
    def frame_dtype(self) -> np.dtype[Any]:
        """The real dtype of the frame array."""
        return component_type(self.dtype)[0]

    @property
    def frame_shape(self) -> Shape4:
        """The shape of the frame array."""
        sizes = [math.prod(self.full_shape[axis] for axis in role) for role in self.roles]
        return sizes[0], sizes[1], sizes[2], sizes[3]

    def to_frames(self, voxels: AnyArray) -> AnyArray:
        """Return ``voxels`` as a frame array; a view where the merged axes allow it."""
        apart = split_components(voxels).transpose(self.order)
        return np.reshape(apart, self.frame_shape)

    def from_frames(self, frames: AnyArray, shape: tuple[int, ...] | None = None) -> AnyArray:
        """Return the volume of a frame array; a view where voxels have one component.

        Parameters
        ----------
        frames
            Frame array of this layout, or a selection from it.
        shape
            Shape of the volume that is selected, with its components; the full one by default.
        """
        full = shape or self.full_shape
        apart = frames.reshape([full[axis] for axis in self.order]).transpose(np.argsort(self.order))
        if component_type(self.dtype)[1] == 1:
            whole: AnyArray = apart[..., 0].view(self.dtype)
            return whole
        voxels = np.empty(full[:-1], self.dtype, order="F")
        split_components(voxels)[...] = apart
        return voxels


@dataclass(frozen=True)
class Grid:
    """A frame array cut into boxes, numbered with the width varying fastest.

    Parameters
    ----------
    shape
        Shape of the frame array.
    starts
        For each axis the first index of each part: ``range(0, size, step)``, or any increasing numbers
        from 0. Boxes made this way cover every voxel exactly once.
    """

    shape: Shape4
    starts: tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]

    def __post_init__(self) -> None:
        for size, starts in zip(self.shape, self.starts, strict=True):
            if isinstance(starts, range):
                good = starts == range(0, size, starts.step) and starts.step > 0
            else:
                edges = [*starts, size]
                good = edges[0] == 0 and all(a < b for a, b in pairwise(edges))
            if not good:
                msg = f"the cuts {starts} do not divide an axis of {size}"
                raise OptionError(msg)

    @classmethod
    def regular(cls, shape: Shape4, box: Sequence[int]) -> Grid:
        """Cut into boxes of one shape; those at the end of an axis may be smaller."""
        s, f, h, w = (range(0, size, max(1, min(step, size))) for size, step in zip(shape, box, strict=True))
        return cls(shape, (s, f, h, w))

    @property
    def counts(self) -> Shape4:
        """How many parts each axis has."""
        s, f, h, w = (len(starts) for starts in self.starts)
        return s, f, h, w

    def __len__(self) -> int:
        return math.prod(self.counts)

    def box(self, number: int) -> Box:
        """Return the ranges of box ``number`` along the four axes."""
        cells: list[slice] = []
        for size, starts in zip(reversed(self.shape), reversed(self.starts), strict=True):
            number, part = divmod(number, len(starts))
            cells.append(slice(starts[part], starts[part + 1] if part + 1 < len(starts) else size))
        w, h, f, s = cells
        return s, f, h, w

    def boxes(self) -> Iterator[Box]:
        """Yield all boxes in order."""
        return (self.box(number) for number in range(len(self)))


def box_shape(box: Box) -> Shape4:
    """Return the shape of a box."""
    s, f, h, w = (part.stop - part.start for part in box)
    return s, f, h, w


def frame_axes(shape: tuple[int, ...]) -> list[int | None]:
    """Return the axes that may be tried as frame axis, the most usual one first.

    Time (the fourth axis) and the slices are tried for a volume over time, each of the three axes for a
    volume in space. A picture has no frame axis, unless an axis of size 1.
    """
    wide = [axis for axis, size in enumerate(shape) if size > 1]
    if len(wide) <= 2:
        narrow = [axis for axis, size in enumerate(shape) if size <= 1]
        return [narrow[-1] if narrow else None]
    over_time = [axis for axis in wide if axis >= SPACE_AXES]
    if not over_time:
        return [*wide[::-1]]
    in_space = [axis for axis in wide if axis < SPACE_AXES]
    return [over_time[0], *(in_space[2:] or over_time[1:2])]


def frame_layout(voxels: AnyArray, frame_axis: int | None) -> FrameLayout:
    """Return the layout of a volume for one frame axis.

    The plane is made of the first two axes that are left and longer than 1, the one that is fastest in
    memory as the width; all others, and the components of a voxel, become sequences.

    Parameters
    ----------
    voxels
        Shape of one to seven axes.
    frame_axis
        Which axis the frames follow; None for a picture.

    Raises
    ------
    OptionError
        If the volume has no such axis.
    UnsupportedDataError
        If it has too many axes or a dtype that cannot be coded.
    """
    ndim = voxels.ndim
    if not 1 <= ndim <= MAX_AXES:
        msg = f"a volume of {ndim} axes is not supported: 1 to {MAX_AXES} are"
        raise UnsupportedDataError(msg)
    if frame_axis is not None and not 0 <= frame_axis < ndim:
        names = ", ".join(AXIS_NAMES[:ndim])
        msg = f"a volume of {ndim} axes has no frame axis {AXIS_NAMES[frame_axis]!r}; its axes are {names}"
        raise OptionError(msg)
    rest = [axis for axis in range(ndim) if axis != frame_axis]
    plane = sorted(rest, key=lambda axis: (voxels.shape[axis] <= 1, axis))[:2]
    plane.sort(key=lambda axis: abs(voxels.strides[axis]))
    return FrameLayout(
        shape=voxels.shape,
        dtype=voxels.dtype,
        sequences=(*(axis for axis in reversed(rest) if axis not in plane), ndim),
        frames=() if frame_axis is None else (frame_axis,),
        height=tuple(plane[1:2]),
        width=tuple(plane[:1]),
    )
