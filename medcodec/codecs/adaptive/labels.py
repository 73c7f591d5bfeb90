"""Label maps, masks and images of few levels: context mixing over binary decisions, in the native kernel."""

from __future__ import annotations

import numpy as np

from medcodec import _native
from medcodec.codecs.adaptive.mapping_levels import Levels


def encode_labels(levels: Levels, *, quick: bool = False) -> bytes:
    """Return coded levels below 256, shape ``(sequences, frames, height, width)``.

    Parameters
    ----------
    levels
        Whole numbers 0 .. 255.
    quick
        Whether to leave out what takes long for images of many levels.
    """
    return _native.labels_encode(np.ascontiguousarray(levels, np.uint8), quick=quick)


def decode_labels(data: bytes, shape: tuple[int, int, int, int]) -> Levels:
    """Return the levels that `encode_labels` coded; raise `FormatError` if ``data`` is no such coding."""
    return _native.labels_decode(data, shape)
