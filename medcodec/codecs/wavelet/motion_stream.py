"""Motions as bytes.

Byte 0 is ``mode + 8 * spacing``: mode as `MotionMode` numbers it; spacing 0 where there is no field, else 1,
2, 3, 4 for nodes every 4, 8, 16, 32 pixels. SKIP has no field, SYMMETRIC one, BIDIRECTIONAL two, PREVIOUS and
NEXT one or none. Without a field nothing follows. For BLOCKS and BLOCKS_PREVIOUS spacing is 2 or 3, for units
of 8 or 16 pixels.

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

**Blocks.** The largest come row by row; a block whose first unit is beyond the frame is left out. "Left" and
"above" are the blocks of the units to the left of and above its first unit, if there are any.

1. Split, unless it is a unit: adaptive, by the block's side in units and how many of left and above are
   smaller. Then come its quarters: upper left, upper right, lower left, lower right.
2. Still: adaptive, by how many of left and above are. It ends the block. BLOCKS_PREVIOUS has one other kind.
3. Both: adaptive, by how many of left and above are so. If not: next, adaptive, by how many of them are
   "next" less how many are "previous".
4. For the previous and then the next frame, if used, y before x, the difference to the prediction: the median
   of what three units have, at the left of the first, above it, and above to the right of the block. If not
   all are coded, it is that of the first that is, or 0. Nonzero: adaptive, by frame, component, and whether
   the difference of y was nonzero (always no for y). Sign: p = 1/2. Size: as in fields, adaptive by
   component and position.

For later predictions, a frame that a block does not use has the vector that was predicted; still blocks
have 0.

A decoder rejects: an empty stream; a mode or spacing that is not above, or that do not go together; bytes
after byte 0 where there is no field; a size of more than 14 bits; a vector beyond +-2048, or v2 + v1 beyond
+-4096; a range coder's stream that is longer than what was read, or that ends more than six bytes before.
"""

from __future__ import annotations

import numpy as np

from medcodec import _native
from medcodec.codecs.wavelet.block_motion import UNITS, MotionBlocks, units_shape
from medcodec.codecs.wavelet.motion import BY_BLOCKS, Motion, MotionMode
from medcodec.codecs.wavelet.motion_field import SPACINGS, MotionField, grid_shape
from medcodec.errors import FormatError

_MODES = 8


def encode_motion(motion: Motion) -> bytes:
    """Return the bytes of a motion: one without a field."""
    if motion.blocks is not None:
        blocks, spacing = motion.blocks, SPACINGS.index(motion.blocks.unit) + 1
        coded = _native.block_motion_encode(blocks.units, unit=blocks.unit, both=motion.uses_next)
        return bytes([motion.mode + _MODES * spacing]) + coded
    if not motion.fields:
        return bytes([motion.mode])
    spacing = SPACINGS.index(motion.fields[0].spacing) + 1
    vectors = np.stack([field.vectors for field in motion.fields])
    return bytes([motion.mode + _MODES * spacing]) + _native.motion_encode(vectors)


def decode_motion(data: bytes, shape: tuple[int, int]) -> Motion:
    """Return the motion that `data` holds.

    Parameters
    ----------
    data
        What `encode_motion` gave.
    shape
        Height and width of the frame.

    Raises
    ------
    FormatError
        If the bytes are not those of a motion of such a frame.
    """
    spacing, mode, count = _first_byte(data)
    if mode in BY_BLOCKS:
        return Motion(mode, blocks=_decode_blocks(data[1:], shape, spacing, both=mode is MotionMode.BLOCKS))
    if not spacing:
        return Motion(mode)
    vectors = np.empty((count, *grid_shape(shape, spacing), 2), np.int16)
    wrong = _native.motion_decode(data[1:], vectors)
    if wrong:
        msg = f"motion of a frame: {wrong}; the group is damaged"
        raise FormatError(msg)
    return Motion(mode, tuple(MotionField(spacing, field) for field in vectors))


def _decode_blocks(data: bytes, shape: tuple[int, int], unit: int, *, both: bool) -> MotionBlocks:
    units = np.empty(units_shape(shape, unit), np.int16)
    wrong = _native.block_motion_decode(data, units, unit=unit, both=both)
    if wrong:
        msg = f"motion of a frame: {wrong}; the group is damaged"
        raise FormatError(msg)
    return MotionBlocks(unit, units)


def _first_byte(data: bytes) -> tuple[int, MotionMode, int]:
    """Return the spacing (0 without a field), the mode and the number of fields."""
    code, number = divmod(data[0], _MODES) if data else (0, _MODES)
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
