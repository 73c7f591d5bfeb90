"""Motion compensation: predictions of a frame from two others, by fields of vectors or by blocks.

Frames are int32 of shape (height, width) with samples of 0 to 65535. All arithmetic is on integers: every
machine predicts the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from medcodec.codecs.wavelet.block_motion import MotionBlocks
from medcodec.codecs.wavelet.motion_field import UNIT_SCALE, Frame, MotionField, warp


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
