"""The dyadic hierarchy of a group: the order of its frames, and from which others they are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_LAYERS = 6
GOPS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class FrameStep:
    """A frame in coding order.

    Parameters
    ----------
    frame
        Its number in the group.
    layer
        Its temporal layer; 0 are the key frames.
    previous, following
        The reference frames on both sides; None where there is none.
    """

    frame: int
    layer: int
    previous: int | None = None
    following: int | None = None

    @property
    def references(self) -> tuple[int, ...]:
        """The reference frames that there are."""
        return tuple(frame for frame in (self.previous, self.following) if frame is not None)


def layer_count(steps: Sequence[FrameStep]) -> int:
    """Return how many temporal layers frames in coding order have."""
    return steps[-1].layer + 1


def frame_steps(frames: int, gop: int) -> tuple[FrameStep, ...]:
    """Return the frames of a group layer by layer, so that each layer doubles the rate of frames.

    Key frames lie ``gop`` apart; the last frame is always one. Others are predicted from both sides, each
    layer in the middle of the grid of those before (paper, Fig. 3): every n-th frame, for n a power of two,
    needs no later layer. Within a layer frames ascend.
    """
    last = frames - 1
    keys = sorted({*range(0, frames, gop), last})
    steps = [FrameStep(key, 0, before) for before, key in zip([None, *keys], keys, strict=False)]
    span = min(gop, 1 << max(frames - 2, 0).bit_length())
    layer = 1
    while span > 1:
        half = span // 2
        middles = range(half, last, span)
        steps += [FrameStep(frame, layer, frame - half, min(frame + half, last)) for frame in middles]
        span, layer = half, layer + 1
    return tuple(steps)
