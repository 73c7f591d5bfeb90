"""Levels coded by the native kernel: online least squares with an adaptive distribution."""

from __future__ import annotations

import math

import numpy as np

from medcodec import _native
from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_levels import Levels, kernel_dtype
from medcodec.errors import FormatError

MAX_LEVEL = (1 << 20) - 1
PRESETS = {"default": 0, "max": 1}
# What is added to the number of a preset where background stays exact within an error bound.
_KEEPS_BACKGROUND = 2


def encode_predicted(levels: Levels, *, effort: str, max_error: int = 0) -> bytes:
    """Return coded levels, shape ``(sequences, frames, height, width)``, integers in ``0..MAX_LEVEL``.

    ``max_error`` is in levels; every decoded level is at most so far from the original, and level 0 where it
    lies in solid areas (nearly) always is what it was.
    """
    preset = PRESETS[effort]
    if max_error and solid_background(levels) is not None:
        preset += _KEEPS_BACKGROUND
    max_level = int(levels.max())
    # With a bound the kernel leaves what the decoder will see in its input.
    narrow = levels.astype(kernel_dtype(max_level), order="C", copy=max_error > 0)
    data = _native.adaptive_encode(narrow, preset=preset, max_level=max_level, max_error=max_error)
    head = (preset, max_level, max_error)
    return b"".join(map(unsigned_bytes, head)) + data


def decode_predicted(reader: ByteReader, shape: tuple[int, int, int, int]) -> Levels:
    """Return the levels that `encode_predicted` coded.

    Raises
    ------
    FormatError
        If the rest of ``reader`` is not a valid coding of levels of this shape.
    """
    preset, max_level, max_error = reader.unsigned(), reader.unsigned(), reader.unsigned()
    if preset > max(PRESETS.values()) + _KEEPS_BACKGROUND or max_level > MAX_LEVEL or max_error > MAX_LEVEL:
        msg = f"predicted group: preset {preset}, greatest level {max_level} or error {max_error} is unknown"
        raise FormatError(msg)
    levels = np.empty(shape, kernel_dtype(max_level))
    data = reader.rest()
    if not _native.adaptive_decode(data, levels, preset=preset, max_level=max_level, max_error=max_error):
        msg = f"predicted group: {len(data)} bytes are not a coding of {math.prod(shape)} levels"
        raise FormatError(msg)
    return levels
