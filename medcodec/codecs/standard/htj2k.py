"""HTJ2K (OpenJPH): JPEG 2000 with the fast block coder; lossless with 5/3, lossy with 9/7."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between_ratios, check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import PictureCodec, image_codecs


@dataclass(frozen=True)
class Htj2kCodec(PictureCodec):
    """High-throughput JPEG 2000, frame by frame.

    Parameters
    ----------
    step
        Quantisation step as a share of the range of 16 bits, 0.000001 to 0.1; None is lossless.
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
        check_range(self.name, "step", self.step, 1e-6, 0.1)

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
        return replace(self, step=float(f"{between_ratios(0.1, 1e-6, quality):.4g}"))

    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        del bits
        encode = image_codecs().htj2k_encode
        if self.step is None:
            return bytes(encode(picture, reversible=True))
        return bytes(encode(picture.astype(np.uint16), level=self.step, reversible=False))

    def _decode_picture(self, stream: bytes) -> AnyArray:
        picture: AnyArray = image_codecs().htj2k_decode(stream)
        return picture
