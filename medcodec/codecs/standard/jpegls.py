"""JPEG-LS (CharLS): lossless, or with a bound on every error."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between_ratios, check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import PictureCodec, image_codecs
from medcodec.errors import FormatError, OptionError

_FRAME_MARKER = b"\xff\xf7"
_FRAME_SIZES = struct.Struct(">HH")


@dataclass(frozen=True)
class JpegLsCodec(PictureCodec):
    """JPEG-LS, frame by frame.

    Parameters
    ----------
    max_error
        Greatest error of any voxel (NEAR), 0 to 255; 0 is lossless.
    """

    max_error: int = 0

    name: ClassVar[str] = "jpegls"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=16, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("JPEGLS"),)

    def __post_init__(self) -> None:
        check_range(self.name, "max_error", self.max_error, 0, 255)
        if int(self.max_error) != self.max_error:
            msg = f"codec 'jpegls': max_error is {self.max_error!r}; give a whole number"
            raise OptionError(msg)

    @property
    def exact_mapping(self) -> bool:
        """Always: the bound is on voxels."""
        return True

    def with_quality(self, quality: float) -> JpegLsCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, max_error=math.floor(between_ratios(255, 0.5, quality)))

    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        # NEAR may not exceed half of the greatest sample.
        return bytes(
            image_codecs().jpegls_encode(picture, level=min(int(self.max_error), (1 << bits) // 2 - 1))
        )

    def _check_size(self, stream: bytes, height: int, width: int) -> None:
        at = stream.find(_FRAME_MARKER)
        sizes = _FRAME_SIZES.unpack_from(stream, at + 5) if 0 <= at < len(stream) - 9 else None
        if sizes != (height, width):
            msg = f"the JPEG-LS stream holds {sizes} samples instead of {(height, width)}"
            raise FormatError(msg)

    def _decode_picture(self, stream: bytes) -> AnyArray:
        picture: AnyArray = image_codecs().jpegls_decode(stream)
        return picture
