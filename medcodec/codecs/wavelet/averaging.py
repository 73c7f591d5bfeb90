"""What is coded in the place of frames that others are predicted from: less of their noise.

Where frames show the same again and again, as over time, a reference with half the noise predicts all
others better. This is what the update step of lifting does for the low band (paper, section 2.1); in a closed
loop the encoder alone does it, and decoders need not know. Arithmetic is that of integers and of single
operations in double precision, so that each machine finds the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medcodec.codecs.wavelet.hierarchy import FrameStep

Frames = npt.NDArray[np.int32]
_Plane = npt.NDArray[np.float64]

# Frames on each side that a frame is averaged with, what those next to it weigh (half as much from layer to
# layer, and less with each frame between), and which differences count as noise, in steps.
_REACH = 8
_WEIGHT, _PER_LAYER, _PER_FRAME = 0.6, 0.5, 0.9
_TOLERANCE = 0.6
# Half the side of the square in which differences are averaged.
_AROUND = 2
# Differences of neighbouring slices grow threefold over so many slices, those of noise not at all.
_FAR, _MOST_GROWTH = 4, 1.8
_BLOCK = 8


def repeats(frames: Frames) -> bool:
    """Return whether frames of shape (sequences, frames, height, width) differ mostly by noise.

    Told by the differences in blocks of 8 x 8 to the frames next to the middle one, and to those four away.
    """
    count = frames.shape[1]
    if count <= 2 * _FAR or min(frames.shape[2:]) < _BLOCK:
        return False
    near, far = (_block_differences(frames, count // 2, distance) for distance in (1, _FAR))
    differs = near > 0
    return bool(differs.any()) and float(np.median(far[differs] / near[differs])) < _MOST_GROWTH


def _block_differences(frames: Frames, middle: int, distance: int) -> _Plane:
    sequences, _, height, width = frames.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    total = np.zeros((sequences, rows, columns))
    for other in (middle - distance, middle + distance):
        difference = (frames[:, other] - frames[:, middle]).astype(np.float64) ** 2
        whole = difference[:, : rows * _BLOCK, : columns * _BLOCK]
        total += whole.reshape(sequences, rows, _BLOCK, columns, _BLOCK).sum(axis=(2, 4))
    return total


def averaged(frames: Frames, steps: Sequence[FrameStep], unit: float) -> Frames:
    """Return frames of which those that others are predicted from are averaged with their neighbours.

    Parameters
    ----------
    frames
        int32 of shape (sequences, frames, height, width), working units.
    steps
        How they are coded.
    unit
        The step of the key frames, in working units.
    """
    out: Frames = frames.copy()
    for sequence, pictures in enumerate(frames):
        for step in steps:
            if step.layer < steps[-1].layer:
                weight = _WEIGHT * _PER_LAYER**step.layer
                out[sequence, step.frame] = _mean_around(pictures, step.frame, weight, unit)
    return out


def _mean_around(pictures: Frames, frame: int, weight: float, unit: float) -> Frames:
    own = pictures[frame]
    total, weights = own.astype(np.float64), np.ones(own.shape)
    for distance in range(1, _REACH + 1):
        for other in (frame - distance, frame + distance):
            if 0 <= other < len(pictures):
                alike = weight * _alike(own, pictures[other], unit)
                total += alike * pictures[other]
                weights += alike
        weight *= _PER_FRAME
    mean: Frames = np.floor(total / weights + 0.5).astype(np.int32)
    return mean


def _alike(own: Frames, other: Frames, unit: float) -> _Plane:
    """Return 1 where pictures are alike, falling to 0 along a bell curve of their difference nearby."""
    sums = _sums_around((own - other).astype(np.int64) ** 2)
    area = (2 * _AROUND + 1) ** 2
    exponent = sums / (area * 2 * (_TOLERANCE * unit) ** 2)
    # exp(-x), by squaring.
    near = np.maximum(1 - exponent / 8, 0)
    for _ in range(3):
        near = near * near
    return near


def _sums_around(plane: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the sum over the square around each pixel; the picture's border goes on beyond it."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (_AROUND + 1, _AROUND)
        sums = np.cumsum(np.pad(plane, pad, mode="edge"), axis=axis)
        size, side = plane.shape[axis], 2 * _AROUND + 1
        plane = np.take(sums, np.arange(size) + side, axis) - np.take(sums, np.arange(size), axis)
    return plane
