"""HTJ2K (OpenJPH): JPEG 2000 with the fast block coder; lossless with 5/3, lossy with 9/7."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between_ratios, check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import PictureCodec, check_codestream, image_codecs


@dataclass(frozen=True)
class Htj2kCodec(PictureCodec):
    """High-throughput JPEG 2000, frame by frame.

    Parameters
    ----------
    step
        Quantisation step as a share of the range of samples, 0.00001 to 0.5; None is lossless.
    intensity
        How voxels are mapped to 15 bits where they must be (lossy only), see
        `medcodec.codecs.standard.mapping.resolve`.
    """

    step: float | None = None
    intensity: str = "auto"

    name: ClassVar[str] = "htj2k"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=False, max_bits=16, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("HTJ2K"),)

    def __post_init__(self) -> None:
        check_range(self.name, "step", self.step, 1e-5, 0.5)

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.step is None

    @property
    def sample_depths(self) -> tuple[int, ...]:
        """15 bits at most when lossy: the 9/7 transform wraps around at the top of 16."""
        return self.depths if self.step is None else tuple(range(8, 16))

    def with_quality(self, quality: float) -> Htj2kCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, step=float(f"{between_ratios(0.5, 1e-5, quality):.4g}"))

    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        encode = image_codecs().htj2k_encode
        if self.step is None:
            return bytes(encode(picture, reversible=True))
        # OpenJPH takes the step as a share of the range of the type.
        level = self.step * 2.0 ** (bits - 16)
        return bytes(encode(picture.astype(np.uint16), level=level, reversible=False))

    def _check_size(self, stream: bytes, height: int, width: int) -> None:
        check_codestream(stream, height, width)

    def _decode_picture(self, stream: bytes) -> AnyArray:
        picture: AnyArray = image_codecs().htj2k_decode(stream)
        return picture
