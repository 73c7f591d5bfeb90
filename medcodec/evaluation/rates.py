"""How many bits of a .medc file each slice takes."""

from __future__ import annotations

import math

import numpy as np

from medcodec.container.reader import MedcFile
from medcodec.volume.frames import FrameLayout, box_shape, frame_axes


def slice_bits(file: MedcFile) -> list[float]:
    """Return the coded bits of each slice, along the usual axis (time, or the last one in space).

    A frame has the bits that its codec says; what belongs to none, and all bits of codecs that cannot tell,
    are spread evenly over the group's voxels. An empty list where voxels have components.
    """
    layout, grid = file.info.layout, file.info.grid
    if layout.full_shape[-1] != 1:
        return []
    density = np.zeros(layout.frame_shape, np.float32)
    for number, length in enumerate(file.coded_lengths):
        box = grid.box(number)
        shape = box_shape(box)
        frames = np.array(file.frame_bytes(number) or [0.0] * shape[0] * shape[1], np.float64)
        shared = (length - frames.sum()) / math.prod(shape)
        density[box] = 8 * (frames.reshape(shape[0], shape[1], 1, 1) / (shape[2] * shape[3]) + shared)
    per_voxel = _floats(layout).from_frames(density)
    axis = frame_axes(layout.shape)[0]
    kept = _slice_axes(layout.shape, axis)
    others = tuple(n for n in range(per_voxel.ndim) if n not in kept)
    sums = per_voxel.sum(axis=others, dtype=np.float64)
    # Slices are numbered as frames are: the last axis that is kept apart runs slowest.
    order = sorted(range(len(kept)), key=lambda n: (kept[n] == axis, -kept[n]))
    return [float(value) for value in sums.transpose(order).ravel()]


def _floats(layout: FrameLayout) -> FrameLayout:
    roles = (layout.sequences, layout.frames, layout.height, layout.width)
    return FrameLayout(layout.shape, np.dtype(np.float32), *roles)


def _slice_axes(shape: tuple[int, ...], axis: int | None) -> list[int]:
    """Return the axes that number the slices: all but the two of the plane."""
    rest = [n for n in range(len(shape)) if n != axis]
    plane = sorted(rest, key=lambda n: (shape[n] <= 1, n))[:2]
    return [n for n in range(len(shape)) if n not in plane]
