"""Reading a volume smaller than it is: pictures at a fraction of their size, and every n-th frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medcodec.container.groups import allocate
from medcodec.container.parallel import ordered_map
from medcodec.errors import OptionError
from medcodec.volume.frames import Axes, Box, FrameLayout

if TYPE_CHECKING:
    from medcodec.container.reader import MedcFile

AnyArray = npt.NDArray[Any]

MAX_SCALE = 64


@dataclass(frozen=True)
class Reduction:
    """How much smaller.

    Parameters
    ----------
    scale
        A power of two of at most 64: height and width of the frames are divided by it, rounded up.
    every
        Of the frames, those whose number it divides are kept.

    Raises
    ------
    OptionError
        If a number is not as above.
    """

    scale: int = 1
    every: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.scale <= MAX_SCALE or self.scale & (self.scale - 1):
            msg = f"pictures can be had at 1/1, 1/2, 1/4, ... 1/{MAX_SCALE} of their size, not 1/{self.scale}"
            raise OptionError(msg)
        if self.every < 1:
            msg = f"every first, second, third, ... frame can be had, not every {self.every}"
            raise OptionError(msg)

    def factors(self, layout: FrameLayout) -> tuple[int, ...]:
        """Return by what each axis of the volume, and that of its components, is divided.

        Raises
        ------
        OptionError
            If frames are made of several axes merged into one.
        """
        factors = [1] * len(layout.full_shape)
        for role, factor in (
            (layout.frames, self.every),
            (layout.height, self.scale),
            (layout.width, self.scale),
        ):
            if len(role) > 1 and factor > 1:
                msg = f"axes {role} are coded as one; the volume can only be read in its full size"
                raise OptionError(msg)
            for axis in role:
                factors[axis] = factor
        return tuple(factors)

    def full_shape(self, layout: FrameLayout) -> tuple[int, ...]:
        """Return the shape of the smaller volume, with its components as a last axis."""
        sizes = zip(layout.full_shape, self.factors(layout), strict=True)
        return tuple(-(-size // factor) for size, factor in sizes)

    def affine(self, layout: FrameLayout, affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the affine of the smaller volume, whose first voxel lies where that of the whole one does."""
        factors = [*self.factors(layout)[: len(layout.shape)], 1, 1, 1][:3]
        return np.asarray(affine * np.array([*factors, 1.0]))

    def frames_of(self, box: Box) -> range:
        """Return the numbers, within a box, of the frames that are kept."""
        frames = box[1]
        return range(-frames.start % self.every, frames.stop - frames.start, self.every)

    def target(self, box: Box) -> Box:
        """Return where a box lies in the smaller frame array.

        Raises
        ------
        OptionError
            If it does not begin at a pixel of the smaller pictures.
        """
        sequences, frames, *plane = box
        if any(part.start % self.scale for part in plane):
            msg = f"the file is cut into tiles that do not begin at multiples of {self.scale} pixels"
            raise OptionError(msg)
        height, width = (slice(part.start // self.scale, -(-part.stop // self.scale)) for part in plane)
        return sequences, slice(-(-frames.start // self.every), -(-frames.stop // self.every)), height, width


def read_reduced(file: MedcFile, reduction: Reduction) -> AnyArray:
    """Return the smaller volume; see `MedcFile.reduced`."""
    layout, grid = file.info.layout, file.info.grid
    full_shape = reduction.full_shape(layout)
    frames = allocate(roles_shape(full_shape, layout.roles), layout.frame_dtype, name=file.name)
    boxes = [number for number in range(len(grid)) if frames.size and reduction.frames_of(grid.box(number))]

    def place(number: int) -> None:
        box = grid.box(number)
        target = reduction.target(box)
        frames[target] = file.reduced_group(number, scale=reduction.scale, frames=reduction.frames_of(box))

    for _ in ordered_map(place, boxes, threads=min(file.threads, len(boxes))):
        pass
    return layout.from_frames(frames, full_shape)


def roles_shape(full_shape: tuple[int, ...], roles: tuple[Axes, ...]) -> tuple[int, int, int, int]:
    """Return the shape of the frame array of a volume's shape."""
    s, f, h, w = (int(np.prod([full_shape[axis] for axis in role], dtype=np.int64)) for role in roles)
    return s, f, h, w
