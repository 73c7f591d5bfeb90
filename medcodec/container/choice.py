"""Choosing the frame axis: whichever codes a sample of the volume smaller."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from medcodec.codecs.base import AnyArray, Codec, FrameGroup
from medcodec.errors import OptionError
from medcodec.volume.frames import AXIS_NAMES, FrameLayout, frame_axes, frame_layout

# The sample is this share of the voxels per candidate (three are tried at most), within these bounds.
_SAMPLE_SHARE = 1 / 32
_SAMPLE_LEAST, _SAMPLE_MOST = 1 << 15, 1 << 20


def choose_layout(voxels: AnyArray, codec: Codec, axis: str = "auto") -> FrameLayout:
    """Return the layout of a volume for a frame axis that is named, or that codes a sample smallest.

    Parameters
    ----------
    voxels
        Shape of one to seven axes.
    codec
        Codes the samples.
    axis
        "i", "j", "k", "t", ... for the first, second, ... axis, or "auto".

    Raises
    ------
    OptionError
        If there is no such axis.
    """
    if axis != "auto":
        if len(axis) != 1 or axis not in AXIS_NAMES:
            msg = f"unknown axis {axis!r}: name one of {', '.join(AXIS_NAMES)} or auto"
            raise OptionError(msg)
        return frame_layout(voxels, AXIS_NAMES.index(axis))
    layouts = [frame_layout(voxels, candidate) for candidate in frame_axes(voxels.shape)]
    if len(layouts) == 1:
        return layouts[0]
    sample = central_sample(voxels)
    sizes = [_coded_bytes(frame_layout(sample, candidate), sample, codec) for candidate in frame_axes(voxels.shape)]
    return layouts[sizes.index(min(sizes))]


def central_sample(voxels: AnyArray) -> AnyArray:
    """Return a box from the middle of the volume, of similar length along all long axes."""
    wanted = min(max(voxels.size * _SAMPLE_SHARE, _SAMPLE_LEAST), _SAMPLE_MOST)
    longest = bisect_right(range(1, max(voxels.shape, default=1) + 1), wanted, key=lambda n: _count(voxels, n))
    lengths = [min(size, max(2, longest)) for size in voxels.shape]
    starts = [(size - length) // 2 for size, length in zip(voxels.shape, lengths, strict=True)]
    return voxels[tuple(slice(a, a + n) for a, n in zip(starts, lengths, strict=True))]


def _coded_bytes(layout: FrameLayout, sample: AnyArray, codec: Codec) -> int:
    return len(codec.encode(FrameGroup(np.ascontiguousarray(layout.to_frames(sample)))))


def _count(voxels: AnyArray, longest: int) -> int:
    return math.prod(min(size, longest) for size in voxels.shape)
