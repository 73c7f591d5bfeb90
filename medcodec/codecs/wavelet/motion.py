"""Motion compensation: fields of vectors on a grid, and predictions of a frame from two others.

Frames are int32 of shape (height, width) with samples of 0 to 65535. All arithmetic is on integers, in native
code: every machine predicts the same samples.

A field has vectors (y, x) in 1/8 pixel at nodes every `spacing` pixels, from pixel (0, 0) on; the last node
of an axis lies on the last pixel or less than `spacing` behind it. With s the spacing, and m the sum of the
four nodes around a pixel times their bilinear weights (products of 0 to s along each axis, which sum to
s^2), the pixel is read ``(2 * abs(scale) * m + 128 * s^2) >> 8 >> 2 * log2(s)`` sixteenths of a pixel
further, negated where the scale, in 1/256, is negative.

Between pixels samples are interpolated by eight taps along each axis, at pixels -3 to +4 from the one at or
before the position: the sum of the 64 products, plus 2048, is shifted right by 12 and clipped. Beyond its
edges a frame repeats its outermost samples. The taps at 1/16 to 8/16; those beyond mirror them:

    1:   0  1  -3  63   4  -2   1   0        5:  -1  4  -11  52  26   -8   3  -1
    2:  -1  2  -5  62   8  -3   1   0        6:  -1  3   -9  47  31  -10   4  -1
    3:  -1  3  -8  60  13  -4   1   0        7:  -1  4  -11  45  34  -10   4  -1
    4:  -1  4 -10  58  17  -5   1   0        8:  -1  4  -11  40  40  -11   4  -1
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.block_motion import MotionBlocks

Frame = npt.NDArray[np.int32]

SPACINGS = (4, 8, 16, 32)
MAX_VECTOR = 2048
MAX_SAMPLE = 65535
UNIT_SCALE = 256


def grid_shape(shape: tuple[int, int], spacing: int) -> tuple[int, int]:
    """Return the number of rows and columns of nodes that cover a frame of `shape`.

    Parameters
    ----------
    shape
        Height and width of the frame, each at least 1.
    spacing
        Pixels between nodes, one of `SPACINGS`.
    """
    height, width = shape
    return -(-(height - 1) // spacing) + 1, -(-(width - 1) // spacing) + 1


@dataclass(frozen=True, eq=False)
class MotionField:
    """Vectors at the nodes of a grid.

    Parameters
    ----------
    spacing
        Pixels between nodes, one of `SPACINGS`.
    vectors
        int16 of shape (rows, columns, 2): y and x in 1/8 pixel, within plus and minus `MAX_VECTOR`.

    Raises
    ------
    ValueError
        If the spacing, the shape or a vector is not as above.
    """

    spacing: int
    vectors: npt.NDArray[np.int16]

    def __post_init__(self) -> None:
        if self.spacing not in SPACINGS:
            msg = f"the spacing of a motion field is one of {SPACINGS}, not {self.spacing}"
            raise ValueError(msg)
        vectors = np.ascontiguousarray(self.vectors)
        if vectors.dtype != np.int16 or vectors.ndim != 3 or vectors.shape[2] != 2 or vectors.size == 0:
            msg = f"motion vectors are int16 of shape (rows, columns, 2), not {vectors.dtype} {vectors.shape}"
            raise ValueError(msg)
        if vectors.min() < -MAX_VECTOR or vectors.max() > MAX_VECTOR:
            msg = f"motion vectors are within +-{MAX_VECTOR} eighths of a pixel"
            raise ValueError(msg)
        object.__setattr__(self, "vectors", vectors)


class MotionMode(IntEnum):
    """Which frames predict one, and how; the numbers stand in the stream."""

    SKIP = 0  #: the mean of the previous and the next frame, without motion
    PREVIOUS = 1  #: the previous frame, with a field or without
    NEXT = 2  #: the next frame, with a field or without
    SYMMETRIC = 3  #: one field: the next frame at +v, the previous at -v
    BIDIRECTIONAL = 4  #: a field for the previous frame, and one for the next
    BLOCKS = 5  #: both frames, by blocks
    BLOCKS_PREVIOUS = 6  #: the previous frame, by blocks


_FIELD_COUNTS = {
    MotionMode.SKIP: (0,),
    MotionMode.PREVIOUS: (0, 1),
    MotionMode.NEXT: (0, 1),
    MotionMode.SYMMETRIC: (1,),
    MotionMode.BIDIRECTIONAL: (2,),
    MotionMode.BLOCKS: (0,),
    MotionMode.BLOCKS_PREVIOUS: (0,),
}
BY_BLOCKS = (MotionMode.BLOCKS, MotionMode.BLOCKS_PREVIOUS)
BY_FIELDS = tuple(mode for mode in MotionMode if mode not in BY_BLOCKS)


@dataclass(frozen=True, eq=False)
class Motion:
    """How one frame is predicted.

    Parameters
    ----------
    mode
        Which frames take part.
    fields
        As many fields as the mode takes; two have the same spacing and shape.
    blocks
        For a mode by blocks.

    Raises
    ------
    ValueError
        If the fields or blocks do not fit the mode.
    """

    mode: MotionMode
    fields: tuple[MotionField, ...] = ()
    blocks: MotionBlocks | None = None

    def __post_init__(self) -> None:
        if (self.blocks is None) == (self.mode in BY_BLOCKS):
            msg = f"the mode {self.mode.name} has {'no ' * (self.mode not in BY_BLOCKS)}blocks"
            raise ValueError(msg)
        if len(self.fields) not in _FIELD_COUNTS[self.mode]:
            msg = f"{len(self.fields)} motion fields do not fit the mode {self.mode.name}"
            raise ValueError(msg)
        if len({(field.spacing, field.vectors.shape) for field in self.fields}) > 1:
            msg = "the two motion fields of a frame have the same spacing and shape"
            raise ValueError(msg)

    @property
    def uses_previous(self) -> bool:
        """Whether the previous frame takes part."""
        return self.mode is not MotionMode.NEXT

    @property
    def uses_next(self) -> bool:
        """Whether the next frame takes part."""
        return self.mode not in (MotionMode.PREVIOUS, MotionMode.BLOCKS_PREVIOUS)


def warp(
    frame: Frame, field: MotionField, *, sign: int = 1, scale: int = UNIT_SCALE, path: str = "auto"
) -> Frame:
    """Read `frame` at (y, x) + sign * scale / 256 * v(y, x).

    Parameters
    ----------
    frame
        int32 of shape (height, width), samples of 0 to 65535.
    field
        A field whose grid fits the frame.
    sign
        1, or -1 for the negated field.
    scale
        From -256 to 256.
    path
        The instruction set: "auto", "baseline" or "avx2". All give the same samples.

    Returns
    -------
    int32 of the shape of `frame`, samples of 0 to 65535.

    Raises
    ------
    ValueError
        If the frame or the field is not as above.
    """
    return _warp(frame, field, sign * scale, 0, path)


def warp_inverse(residual: Frame, field: MotionField, *, scale: int = UNIT_SCALE) -> Frame:
    """Read a residual along the negated field, as the update step of the temporal lifting does.

    Parameters
    ----------
    residual
        int32 of shape (height, width), samples of -65535 to 65535.
    field
        The field by which the residual's frame was predicted.
    scale
        The scale by which it was used there, from -256 to 256.

    Returns
    -------
    int32 of the same shape and range.

    Raises
    ------
    ValueError
        If the residual or the field is not as above.
    """
    return _warp(residual, field, -scale, -MAX_SAMPLE, "auto")


def _warp(frame: Frame, field: MotionField, scale: int, low: int, path: str) -> Frame:
    frame = np.ascontiguousarray(frame, dtype=np.int32)
    out = np.empty(frame.shape, np.int32)
    _native.motion_warp(
        frame,
        field.vectors[np.newaxis],
        out,
        spacing=field.spacing,
        scale=scale,
        low=low,
        high=MAX_SAMPLE,
        path=path,
    )
    return out


def shared_scales(distances: tuple[int, int]) -> tuple[int, int]:
    """Return the scales in 1/256 by which a symmetric field leads to the previous and to the next frame.

    The field belongs to the frame that is further away; the other one takes a share of it in proportion to
    its distance, rounded to 1/256.

    Parameters
    ----------
    distances
        Frames from the previous frame to the predicted one, and from there to the next, each at least 1.

    Raises
    ------
    ValueError
        If a distance is less than 1.
    """
    if min(distances) < 1:
        msg = f"frames are predicted from others, 1 or more away, not {distances}"
        raise ValueError(msg)
    longest = max(distances)
    back, ahead = ((UNIT_SCALE * distance + longest // 2) // longest for distance in distances)
    return -back, ahead


def compensate(
    previous: Frame | None, following: Frame | None, motion: Motion, *, distances: tuple[int, int] = (1, 1)
) -> tuple[Frame | None, Frame | None]:
    """Move the references of a frame to where its own samples are.

    Parameters
    ----------
    previous, following
        int32 of shape (height, width), samples of 0 to 65535; may be None where the mode does not use them.
    motion
        How the frame is predicted.
    distances
        Frames from `previous` to the predicted one, and from there to `following` (see `shared_scales`).

    Returns
    -------
    The two moved frames; None in place of one that the mode does not use. Without a field it is the frame
    itself. By blocks both are the same where only one predicts.

    Raises
    ------
    ValueError
        If a frame that the mode uses is None, or a field does not fit the frames.
    """
    if (motion.uses_previous and previous is None) or (motion.uses_next and following is None):
        msg = f"the mode {motion.mode.name} needs a frame that is not given"
        raise ValueError(msg)
    first = previous if motion.uses_previous else None
    second = following if motion.uses_next else None
    if motion.blocks is not None and first is not None:
        return motion.blocks.compensate(first, second)
    if not motion.fields:
        return first, second
    scales = shared_scales(distances) if motion.mode is MotionMode.SYMMETRIC else (UNIT_SCALE, UNIT_SCALE)
    a = None if first is None else warp(first, motion.fields[0], scale=scales[0])
    b = None if second is None else warp(second, motion.fields[-1], scale=scales[1])
    return a, b


def blend(a: Frame | None, b: Frame | None) -> Frame:
    """Return (a + b + 1) >> 1, or the one that is given if the other is None.

    Raises
    ------
    ValueError
        If both are None.
    """
    if a is None or b is None:
        only = b if a is None else a
        if only is None:
            msg = "there is no frame to predict from"
            raise ValueError(msg)
        return only
    return (a + b + 1) >> 1
