"""Choosing the frame axis, whichever codes a sample of the volume smaller, and the boxes."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from medcodec.codecs.base import AnyArray, Codec, FrameGroup
from medcodec.container.header import MAX_GROUPS
from medcodec.errors import OptionError
from medcodec.volume.frames import AXIS_NAMES, FrameLayout, Grid, frame_axes, frame_layout

# The sample's share of the voxels per candidate (three are tried at most): coded as the volume will be, or
# by the codec's quick draft. A small sample of a volume over time has too few frames to learn from.
_SAMPLE_SHARE, _SAMPLE_SHARE_OVER_TIME, _DRAFT_SHARE = 1 / 64, 1 / 32, 1 / 16
# A codec begins anew in a sample, the more so the smaller it is: less gain than this means nothing, and the
# usual axis stays.
_SAMPLE_GAIN, _DRAFT_GAIN = 0.015, 0.003
_SAMPLE_LEAST, _SAMPLE_MOST = 1 << 14, 1 << 20
# With losses, an axis may code smaller because it loses more: rates fall about with the root of the squared
# error. That is rough, so a small gain means nothing there either. Within a bound, losses are about the same
# on any axis, but drafts of a transform say little of time.
_RATE_OF_ERROR, _LOSSY_GAIN = 0.5, 0.02


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
    draft = codec.draft()
    over_time, share, gain = voxels.size > math.prod(voxels.shape[:3]), _DRAFT_SHARE, _DRAFT_GAIN
    # Floats take their time even in a draft.
    if draft is codec or (layouts[0].frame_dtype.kind == "f" and not over_time):
        share, gain = _SAMPLE_SHARE_OVER_TIME if over_time else _SAMPLE_SHARE, _SAMPLE_GAIN
    sample = central_sample(voxels, share=share)
    coded = [_coded(frame_layout(sample, candidate), sample, draft) for candidate in frame_axes(voxels.shape)]
    if any(error for _, error in coded) and (over_time or not getattr(codec, "max_error", None)):
        gain = max(gain, _LOSSY_GAIN)
    least = min((error for _, error in coded if error), default=1.0)
    sizes = [size * (max(error, least) / least) ** _RATE_OF_ERROR for size, error in coded]
    smallest = min(sizes)
    return layouts[sizes.index(smallest) if smallest < sizes[0] * (1 - gain) else 0]


def central_sample(voxels: AnyArray, *, share: float = _SAMPLE_SHARE) -> AnyArray:
    """Return a box from the middle of the volume, of similar length along all long axes."""
    wanted = min(max(voxels.size * share, _SAMPLE_LEAST), _SAMPLE_MOST)
    longest = bisect_right(
        range(1, max(voxels.shape, default=1) + 1), wanted, key=lambda n: _count(voxels, n)
    )
    lengths = [min(size, max(2, longest)) for size in voxels.shape]
    starts = [(size - length) // 2 for size, length in zip(voxels.shape, lengths, strict=True)]
    return voxels[tuple(slice(a, a + n) for a, n in zip(starts, lengths, strict=True))]


def _coded(layout: FrameLayout, sample: AnyArray, codec: Codec) -> tuple[int, float]:
    """Return how many bytes a sample takes, and its squared error."""
    frames = np.ascontiguousarray(layout.to_frames(sample))
    data = codec.encode(FrameGroup(frames))
    if codec.exact:
        return len(data), 0.0
    decoded = codec.decode(data, frames.shape, frames.dtype)
    kept = np.isfinite(frames) if frames.dtype.kind == "f" else np.s_[...]
    difference = frames[kept].astype(np.float64) - decoded[kept].astype(np.float64)
    return len(data), float(np.square(difference).sum())


def _count(voxels: AnyArray, longest: int) -> int:
    return math.prod(min(size, longest) for size in voxels.shape)


def choose_grid(
    layout: FrameLayout, codec: Codec, *, group_frames: int | None = None, tile: int | None = None
) -> Grid:
    """Return the boxes of a volume's frames: the codec's choice where nothing else is asked for.

    Parameters
    ----------
    layout
        Of the volume.
    codec
        Says which boxes it prefers.
    group_frames
        Frames in a box, 0 for all.
    tile
        Height and width of a box, 0 for whole frames.

    Raises
    ------
    OptionError
        If a size is negative, or so small that there would be too many boxes.
    """
    shape = layout.frame_shape
    box = list(codec.preferred_box(shape, layout.frame_dtype))
    for name, wanted, axes in (("group_frames", group_frames, (1,)), ("tile", tile, (2, 3))):
        if wanted is not None and wanted < 0:
            msg = f"{name} is {wanted}; give a positive number, or 0 for all"
            raise OptionError(msg)
        for axis in axes if wanted is not None else ():
            box[axis] = wanted or shape[axis]
    grid = Grid.regular(shape, box)
    if len(grid) > MAX_GROUPS:
        msg = f"{len(grid)} groups of shape {tuple(box)} are more than {MAX_GROUPS}; choose larger ones"
        raise OptionError(msg)
    return grid
