"""The dyadic hierarchy of a group: the order of its frames, and from which others they are predicted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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


def frame_steps(frames: int, gop: int) -> tuple[FrameStep, ...]:
    """Return the frames of a group layer by layer, so that each layer doubles the rate of frames.

    Key frames lie ``gop`` apart; the last frame is always one. Others are predicted in the middle of what
    is known on both sides (paper, Fig. 3). Within a layer frames ascend.
    """
    keys = sorted({*range(0, frames, gop), frames - 1})
    steps = [FrameStep(key, 0, before) for before, key in zip([None, *keys], keys, strict=False)]
    spans = list(pairwise(keys))
    layer = 1
    while spans := [(a, b) for a, b in spans if b - a > 1]:
        middles = [(a, (a + b) // 2, b) for a, b in spans]
        steps += [FrameStep(middle, layer, a, b) for a, middle, b in middles]
        spans = [half for a, middle, b in middles for half in ((a, middle), (middle, b))]
        layer += 1
    return tuple(steps)
