"""JPEG XL (libjxl): each frame alone, or all frames as channels of one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import Shape, between_ratios, check_choice, check_range, flat
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import PictureCodec, image_codecs
from medcodec.errors import FormatError, OptionError

LAYOUTS = ("slices", "channels")
_MOST_CHANNELS = 4096


@dataclass(frozen=True)
class JpegXlCodec(PictureCodec):
    """JPEG XL.

    Parameters
    ----------
    distance
        Butteraugli distance, 0.01 to 25; None is lossless.
    effort
        1 (fast) to 10.
    layout
        "slices" codes each frame alone; "channels" makes the frames of a group extra channels of the first,
        which is smaller where neighbours are alike, and lossless only.
    intensity
        How voxels are mapped to 16 bits where they must be, see `medcodec.codecs.standard.mapping.resolve`.
    """

    distance: float | None = None
    effort: int = 7
    layout: str = "slices"
    intensity: str = "auto"

    name: ClassVar[str] = "jpegxl"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=False, max_bits=16, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("JPEGXL"),)

    def __post_init__(self) -> None:
        if isinstance(self.effort, str) and self.effort.isdigit():
            object.__setattr__(self, "effort", int(self.effort))
        check_range(self.name, "distance", self.distance, 0.01, 25)
        check_choice(self.name, "effort", self.effort, tuple(range(1, 11)))
        check_choice(self.name, "layout", self.layout, LAYOUTS)
        if self.layout == "channels" and self.distance is not None:
            msg = "codec 'jpegxl': layout 'channels' is lossless only; leave the distance out"
            raise OptionError(msg)

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.distance is None

    def with_quality(self, quality: float) -> JpegXlCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, distance=float(f"{between_ratios(25, 0.01, quality):.4g}"), layout="slices")

    def preferred_box(self, shape: Shape, dtype: np.dtype[Any]) -> Shape:
        """Return boxes of many frames where frames are channels."""
        if self.layout == "slices":
            return super().preferred_box(shape, dtype)
        sequences, frames, height, width = (max(1, size) for size in shape)
        length = min(frames, _MOST_CHANNELS)
        return max(1, min(sequences, _MOST_CHANNELS // length)), length, height, width

    def _encode_samples(self, samples: AnyArray, bits: int) -> list[bytes]:
        if self.layout == "slices":
            return super()._encode_samples(samples, bits)
        frames = flat(samples)
        if len(frames) > _MOST_CHANNELS:
            msg = f"codec 'jpegxl': {len(frames)} frames in a group; layout 'channels' takes {_MOST_CHANNELS}"
            raise OptionError(msg)
        if len(frames) == 1:
            return [self._encode_picture(frames[0], bits)]
        encode = image_codecs().jpegxl_encode
        options = {"effort": self.effort, "usecontainer": False, "numthreads": 1, "lossless": True}
        return [bytes(encode(frames, planar=True, photometric="gray", **options))]

    def _decode_samples(self, streams: list[bytes], shape: Shape, bits: int) -> AnyArray:
        if self.layout == "slices" or shape[0] * shape[1] == 1:
            return super()._decode_samples(streams, shape, bits)
        if len(streams) != 1:
            msg = f"codec 'jpegxl': {len(streams)} streams instead of one"
            raise FormatError(msg)
        frames: AnyArray = np.asarray(image_codecs().jpegxl_decode(streams[0], numthreads=1))
        if frames.size != np.prod(shape) or frames.dtype.kind != "u" or frames.shape[-2:] != shape[2:]:
            msg = f"codec 'jpegxl': the stream holds {frames.dtype} {frames.shape} instead of {shape}"
            raise FormatError(msg)
        return frames.reshape(shape)

    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        encode = image_codecs().jpegxl_encode
        options = {"effort": self.effort, "usecontainer": False, "numthreads": 1}
        if self.distance is None:
            return bytes(encode(picture, lossless=True, **options))
        return bytes(encode(picture, distance=self.distance, bitspersample=bits, **options))

    def _decode_picture(self, stream: bytes) -> AnyArray:
        picture: AnyArray = image_codecs().jpegxl_decode(stream, numthreads=1)
        return picture
