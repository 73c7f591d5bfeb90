"""JPEG 2000 (OpenJPEG): lossless with the 5/3 wavelet, lossy with 9/7."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import PictureCodec, check_codestream, image_codecs


@dataclass(frozen=True)
class Jpeg2000Codec(PictureCodec):
    """JPEG 2000, frame by frame.

    Parameters
    ----------
    psnr
        What each frame is coded for, in dB to the greatest sample that its bits allow; None is lossless.
    intensity
        How voxels are mapped to 16 bits where they must be, see `medcodec.codecs.standard.mapping.resolve`.
    """

    psnr: float | None = None
    intensity: str = "auto"

    name: ClassVar[str] = "jpeg2000"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=False, max_bits=16, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("JPEG2K"),)

    def __post_init__(self) -> None:
        check_range(self.name, "psnr", self.psnr, 10, 120)

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.psnr is None

    def with_quality(self, quality: float) -> Jpeg2000Codec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, psnr=round(between(20, 110, quality), 3))

    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        encode = image_codecs().jpeg2k_encode
        smallest = min(picture.shape)
        options = {"codecformat": "j2k", "bitspersample": bits, "numthreads": 1}
        options["resolutions"] = max(1, min(6, smallest.bit_length()))
        if self.psnr is None:
            return bytes(encode(picture, reversible=True, **options))
        return bytes(encode(picture, level=self.psnr, reversible=False, **options))

    def _check_size(self, stream: bytes, height: int, width: int) -> None:
        check_codestream(stream, height, width)

    def _decode_picture(self, stream: bytes) -> AnyArray:
        picture: AnyArray = image_codecs().jpeg2k_decode(stream, numthreads=1)
        return picture
