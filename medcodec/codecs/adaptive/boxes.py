"""Boxes small enough for quick access to a slice, and large enough that little is lost between them."""

from __future__ import annotations

import math

Shape = tuple[int, int, int, int]

# Frames (n x 512 x 256) that one core decodes in about a third of a second at the default effort.
_BOX_VOXELS = 1 << 20
_TILE_VOXELS = 1 << 17
_TILE_WIDTH = 1 << 14
# Sequences share what was learned: a box of several is larger, since each box begins anew.
_SEQUENCES_FACTOR = 2


def preferred_box(shape: Shape, *, tiled: bool) -> Shape:
    """Return a box's shape for frames of ``shape`` ``(sequences, frames, height, width)``.

    Parameters
    ----------
    shape
        Of all frames.
    tiled
        Large frames are cut into tiles of full height, which several cores decode side by side.
    """
    sequences, frames, height, width = (max(1, size) for size in shape)
    most = (_TILE_VOXELS if tiled else _BOX_VOXELS) // height
    tile = _even(width, max(1, min(most, _TILE_WIDTH)))
    budget = max(1, _BOX_VOXELS * (_SEQUENCES_FACTOR if sequences > 1 else 1) // (height * tile))
    if sequences * frames * 2 <= budget * 3:
        return sequences, frames, height, tile
    depth = _even(sequences, max(budget // frames, math.isqrt(budget)))
    return depth, _even(frames, max(1, budget // depth)), height, tile


def _even(size: int, most: int) -> int:
    """Return the length of parts of at most ``most`` that divide ``size`` most evenly."""
    return -(-size // -(-size // most))
