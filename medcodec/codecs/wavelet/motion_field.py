"""Fields of motion vectors on a grid, and frames moved by them.

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

import numpy as np
import numpy.typing as npt

from medcodec import _native

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
    frame = np.ascontiguousarray(frame, dtype=np.int32)
    out = np.empty(frame.shape, np.int32)
    _native.motion_warp(
        frame,
        field.vectors[np.newaxis],
        out,
        spacing=field.spacing,
        scale=sign * scale,
        low=0,
        high=MAX_SAMPLE,
        path=path,
    )
    return out
