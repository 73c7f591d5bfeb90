"""Motion of blocks: squares of 64 pixels, split into quarters down to a unit, with vectors of their own.

Where motion is not smooth, as between slices some millimetres apart, blocks predict better than fields. A
block is still (both frames as they are), or predicted from the previous frame, the next one, or the mean of
both.

Neighbouring blocks fade into each other, so that no edges appear that the transform would have to code.
Along an axis the block of pixels ``a`` to ``b - 1`` has the weight ``min(2u, 2(x - a) + 1 + u, 2(b - x) - 1
+ u)`` at pixel x, with the unit u, where that is positive: it reaches half a unit into its neighbours. At
the edge of the frame it does not fall. A pixel is the sum of the blocks' samples times both weights, plus
``2u^2``, divided by ``4u^2`` and rounded down. Samples between pixels are those of
`medcodec.codecs.wavelet.motion_field`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.motion_field import Frame

UNITS = (8, 16)
LARGEST_BLOCK = 64
UNIT_FIELDS = 6
_PENALTY_UNITS = 256


def units_shape(shape: tuple[int, int], unit: int) -> tuple[int, int, int]:
    """Return the shape of the units that cover a frame of ``shape``."""
    height, width = shape
    return -(-height // unit), -(-width // unit), UNIT_FIELDS


@dataclass(frozen=True, eq=False)
class MotionBlocks:
    """The blocks of a frame.

    Parameters
    ----------
    unit
        Pixels along each side of the smallest blocks, one of `UNITS` in streams.
    units
        int16 of shape (rows, columns, 6). For each unit, of the block that it belongs to: the logarithm to
        base 2 of its side in units; 0 if it is still, 1 if the previous frame predicts it, 2 the next, 3
        both; the vectors (y, x) into the previous and the next frame in 1/2 pixel, within +-512, 0 where
        unused.
    """

    unit: int
    units: npt.NDArray[np.int16]

    def compensate(self, previous: Frame, following: Frame | None) -> tuple[Frame, Frame | None]:
        """Move the references of a frame to where its own samples are.

        Parameters
        ----------
        previous, following
            int32 of shape (height, width), samples of 0 to 65535; None where blocks use only the previous.

        Returns
        -------
        Both, moved; the same where a block uses only one of them.

        Raises
        ------
        ValueError
            If the blocks do not fit the frames.
        """
        first = np.empty(previous.shape, np.int32)
        second = None if following is None else np.empty(previous.shape, np.int32)
        _native.block_motion_compensate(
            np.ascontiguousarray(previous, np.int32),
            None if following is None else np.ascontiguousarray(following, np.int32),
            self.units,
            first,
            second,
            unit=self.unit,
        )
        return first, second

    def shorter(self, skip: int) -> MotionBlocks:
        """Return the motion for pictures of 1 / 2^skip of the size, rounded up; units end at one pixel."""
        stride = max((1 << skip) // self.unit, 1)
        units = self.units[::stride, ::stride].copy()
        units[..., 0] = np.maximum(units[..., 0] - (stride.bit_length() - 1), 0)
        units[..., 2:] = (units[..., 2:].astype(np.int32) + (1 << skip >> 1)) >> skip
        return MotionBlocks(max(self.unit >> skip, 1), units)


def search_blocks(
    target: Frame, previous: Frame, following: Frame | None, *, penalty: float, unit: int, reach: int
) -> MotionBlocks:
    """Find blocks by which the references predict a frame well.

    Parameters
    ----------
    target, previous, following
        int32 of shape (height, width), samples of 0 to 65535; ``following`` may be None.
    penalty
        Squared sample differences that a bit must save, up to 2^32; counted in 1/256.
    unit
        Pixels along each side of the smallest blocks, one of `UNITS`.
    reach
        How far whole pixels are tried along each axis.

    Raises
    ------
    ValueError
        If frames differ in shape, have samples out of range, or a setting is not as above.
    """
    units = np.empty(units_shape((target.shape[0], target.shape[1]), unit), np.int16)
    _native.block_motion_estimate(
        np.ascontiguousarray(target, np.int32),
        np.ascontiguousarray(previous, np.int32),
        None if following is None else np.ascontiguousarray(following, np.int32),
        units,
        unit=unit,
        penalty=round(penalty * _PENALTY_UNITS),
        reach=reach,
    )
    return MotionBlocks(unit, units)
