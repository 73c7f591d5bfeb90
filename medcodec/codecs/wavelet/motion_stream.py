"""Motions as bytes.

Byte 0 is ``mode + 8 * spacing``, and 64 more where blocks are coded as new streams do: mode as `MotionMode`
numbers it; spacing 0 where there is no field, else 1, 2, 3, 4 for nodes every 4, 8, 16, 32 pixels. SKIP has
no field, SYMMETRIC one, BIDIRECTIONAL two, PREVIOUS and NEXT one or none. Without a field nothing follows.
For BLOCKS and BLOCKS_PREVIOUS spacing is 2 or 3, for units of 8 or 16 pixels.

The rest is one stream of the range coder, in which a bit is coded with the probability p / 2^16 that it is
set.

**Fields.** Per field, row by row, node by node, y before x, the component's difference to its prediction is
coded. The prediction is 0 at the first node, the left neighbour in the first row, the upper one in the
first column, else the median of left, above, and above right (above left in the last column). Of the second
field, v2 + v1 is coded in place of v2.

A difference takes its context c from s, the sum of the sizes of the same component's differences at the left
and at the upper node (0 where there is none): c = 0 for s = 0, 1 to 2, 2 to 8, 3 beyond.

1. Nonzero: adaptive, one of 2 x 2 x 4 by the component, whether the other component's difference at this node
   is known to be nonzero (always no for y), and c. Zero ends the difference.
2. Negative: p = 1/2.
3. The size, a number of n bits: n - 1 set bits and a cleared one, adaptive, by component, c and position;
   then the n - 1 bits below the highest from high to low, p = 1/2. n is at most 14.

An adaptive bit starts at p = 32768, separately in each field, and moves by ``(t - p) / 2^rate`` (rounded
towards 0) with t = 65408 after a set bit and 128 after a cleared one; the rate is 1, 2, 2, 3, 3, 3, 4, 4, 4,
4, 4, 4 for its first twelve bits and 5 from then on.

**Blocks.** What is learnt of them goes on from frame to frame, in the order of coding, from nothing at a
group's first. A bit is coded with the probability that some counters expect together: the mean of their
log-odds in 1/256 nat (rounded towards 0), as a probability of 16 bits within 128 to 65408. A counter has a
probability, and how often it was asked, up to 60 (`native/counter.hpp`). Below, what counters go by is
parted by semicolons.

The largest blocks come row by row; a block whose first unit is beyond the frame is left out. "Left" and
"above" are the blocks of the units to the left of and above its first unit, if there are any.

1. Split, unless it is a unit: by the block's side s in units and how many of left and above are smaller; by
   s and the kinds of left and above. Then come its quarters: upper left, upper right, lower left, lower
   right.
2. Still: by how many of left and above are; by s and the kinds of left and above. It ends the block.
   BLOCKS_PREVIOUS has one other kind.
3. Both: by how many of left and above are so; as above. If not: next, by how many of them are "next" less
   how many are "previous"; as above.
4. For the previous and then the next frame, if used, y before x, the difference to the prediction: the median
   of what three units have, at the left of the first, above it, and above to the right of the block. If not
   all are coded, it is that of the first that is, or 0. The spread d is the largest of them less the
   smallest, of 0, 1, 2 to 3, 4 to 8, more, or of fewer than two. Nonzero: by frame, component, and whether
   the difference of y was nonzero (always no for y); by d, component and the size of the difference of y (up
   to 3); by s, d and whether both frames are used. Negative: by the sign of the sum of what the three are
   above the prediction, the sign of the prediction, and component. Size: as in fields, each bit that is
   set or cleared by d and its position, and by s and its position; of the bits below the highest, the first
   by their number, others p = 1/2.

For later predictions, a frame that a block does not use has the vector that was predicted; still blocks
have 0.

Without the 64, as in older streams, each frame begins anew with adaptive bits as those of fields, one for
each bit: by the first that is named for each of the above, but sign (p = 1/2), size (by component and
position), and all bits below the highest (p = 1/2).

A decoder rejects: an empty stream; a mode or spacing that is not above, or that do not go together; bytes
after byte 0 where there is no field; a size of more than 14 bits; a vector beyond +-2048, or v2 + v1 beyond
+-4096; a range coder's stream that is longer than what was read, or that ends more than six bytes before.
"""

from __future__ import annotations

import numpy as np

from medcodec import _native
from medcodec._native import BlockContexts
from medcodec.codecs.wavelet.block_motion import UNITS, MotionBlocks, units_shape
from medcodec.codecs.wavelet.motion import BY_BLOCKS, Motion, MotionMode
from medcodec.codecs.wavelet.motion_field import SPACINGS, MotionField, grid_shape
from medcodec.errors import FormatError

_MODES = 8
_LEARNING = 64


def encode_motion(motion: Motion, contexts: BlockContexts | None = None) -> bytes:
    """Return the bytes of a motion: one without a field.

    Parameters
    ----------
    contexts
        What was learnt of the motion of blocks in the frames before, and learns on; None for nothing.
    """
    if motion.blocks is not None:
        blocks, spacing = motion.blocks, SPACINGS.index(motion.blocks.unit) + 1
        coded = _native.block_motion_encode(
            blocks.units, contexts or BlockContexts(), unit=blocks.unit, both=motion.uses_next
        )
        return bytes([motion.mode + _MODES * spacing + _LEARNING]) + coded
    if not motion.fields:
        return bytes([motion.mode])
    spacing = SPACINGS.index(motion.fields[0].spacing) + 1
    vectors = np.stack([field.vectors for field in motion.fields])
    return bytes([motion.mode + _MODES * spacing]) + _native.motion_encode(vectors)


def decode_motion(data: bytes, shape: tuple[int, int], contexts: BlockContexts | None = None) -> Motion:
    """Return the motion that `data` holds.

    Parameters
    ----------
    data
        What `encode_motion` gave.
    shape
        Height and width of the frame.
    contexts
        As for `encode_motion`.

    Raises
    ------
    FormatError
        If the bytes are not those of a motion of such a frame.
    """
    spacing, mode, count = _first_byte(data)
    if mode in BY_BLOCKS:
        known = (contexts or BlockContexts()) if data[0] & _LEARNING else None
        both = mode is MotionMode.BLOCKS
        return Motion(mode, blocks=_decode_blocks(data[1:], shape, spacing, known, both=both))
    if not spacing:
        return Motion(mode)
    vectors = np.empty((count, *grid_shape(shape, spacing), 2), np.int16)
    wrong = _native.motion_decode(data[1:], vectors)
    if wrong:
        msg = f"motion of a frame: {wrong}; the group is damaged"
        raise FormatError(msg)
    return Motion(mode, tuple(MotionField(spacing, field) for field in vectors))


def _decode_blocks(
    data: bytes, shape: tuple[int, int], unit: int, contexts: BlockContexts | None, *, both: bool
) -> MotionBlocks:
    units = np.empty(units_shape(shape, unit), np.int16)
    wrong = _native.block_motion_decode(data, units, contexts, unit=unit, both=both)
    if wrong:
        msg = f"motion of a frame: {wrong}; the group is damaged"
        raise FormatError(msg)
    return MotionBlocks(unit, units)


def _first_byte(data: bytes) -> tuple[int, MotionMode, int]:
    """Return the spacing (0 without a field), the mode and the number of fields."""
    code, number = divmod(data[0], _MODES) if data else (0, _MODES)
    if number in BY_BLOCKS:
        code &= ~(_LEARNING // _MODES)
    if number >= len(MotionMode) or code > len(SPACINGS):
        msg = "motion of a frame: unknown mode or spacing; the group is damaged or newer than this program"
        raise FormatError(msg)
    mode = MotionMode(number)
    wrong_unit = mode in BY_BLOCKS and (code == 0 or SPACINGS[code - 1] not in UNITS)
    if (
        wrong_unit
        or (mode is MotionMode.SKIP and code > 0)
        or (code == 0 and (mode > MotionMode.NEXT or len(data) > 1))
    ):
        msg = f"motion of a frame: the mode {mode.name} does not go with what follows; the group is damaged"
        raise FormatError(msg)
    count = 2 if mode is MotionMode.BIDIRECTIONAL else 1
    return (SPACINGS[code - 1] if code else 0), mode, count
