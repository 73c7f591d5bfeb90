"""Groups without a transform: coded by the adaptive codec within a bound, where that costs less.

What is cut off at a threshold, drawn, or nearly free of losses is predicted from pixel to pixel better than
any transform takes it apart.
"""

from __future__ import annotations

import math

import numpy as np

from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.adaptive.codec import AdaptiveCodec
from medcodec.codecs.adaptive.mapping_levels import level_dtype
from medcodec.codecs.adaptive.streams import decode
from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet.background import Frames
from medcodec.codecs.wavelet.encoder import CodedGroup, squared_error
from medcodec.codecs.wavelet.intensity import Intensity
from medcodec.errors import FormatError

_PIXELS = b"\3"  # where a group with a transform has its version, 1


def encode_pixels(frames: Frames, intensity: Intensity, distortion: float, *, effort: str) -> CodedGroup:
    """Return a coded group, about the smallest whose error is not above a given one.

    Parameters
    ----------
    frames
        Shape (sequences, frames, height, width), working units.
    distortion
        The greatest sum of squared errors, in squared working units.
    effort
        Of the adaptive codec.
    """
    bits = intensity.fraction_bits
    levels = (frames >> bits).astype(level_dtype(intensity.levels + 1))
    background = solid_background(levels)
    share = 1.0 if background is None else 1.0 - float(background.mean())
    wanted = distortion / 4**bits / (frames.size * share)

    def coded(bound: int) -> tuple[CodedGroup, float]:
        codec = AdaptiveCodec(effort=effort, max_error=bound)
        data = codec.encode(FrameGroup(levels))
        pictures = codec.decode(data, levels.shape, levels.dtype).astype(np.int32) << bits
        return CodedGroup(_PIXELS + data, pictures), squared_error(pictures, frames)

    bound = _bound_of(wanted)
    best, error = coded(bound)
    while error > distortion:
        bound -= 1
        best, error = coded(bound)
    # At low rates errors are smaller than those that fill the bound.
    further = _bound_of(wanted * distortion / error) if error else bound
    if further > bound:
        other, error = coded(further)
        best = other if error <= distortion else best
    return best


def _bound_of(squared: float) -> int:
    """Return the greatest bound whose whole numbers have at most this mean square, if all are as likely."""
    return int((math.sqrt(1 + 12 * squared) - 1) / 2)


def decode_pixels(data: bytes, shape: tuple[int, int, int, int], intensity: Intensity) -> Frames | None:
    """Return the pictures of a group that `encode_pixels` coded; None if it is another group.

    Raises
    ------
    FormatError
        If the group is malformed.
    """
    if data[:1] != _PIXELS:
        return None
    levels = decode(data[1:], shape, level_dtype(intensity.levels + 1))
    if levels.max(initial=0) > intensity.levels:
        msg = f"a group of pixels holds values above the highest, {intensity.levels}"
        raise FormatError(msg)
    pictures: Frames = levels.astype(np.int32) << intensity.fraction_bits
    return pictures
