"""SZ3: every error bounded, whole numbers and floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import image_codecs
from medcodec.codecs.standard.volumetric import VolumetricCodec, bound_of


@dataclass(frozen=True)
class Sz3Codec(VolumetricCodec):
    """SZ3, one block per group.

    Parameters
    ----------
    max_error
        Greatest error of any voxel; 0 is lossless (whole numbers only).
    """

    max_error: float = 0

    name: ClassVar[str] = "sz3"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=52, floats=True, needs_weights=False
    )
    quality_range: ClassVar[tuple[float, float] | None] = None
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("SZ3"),)

    def __post_init__(self) -> None:
        check_range(self.name, "max_error", self.max_error, 0, 1e300)

    def _encode_block(self, block: AnyArray, low: float, high: float) -> bytes:
        del low, high
        coded = image_codecs().sz3_encode(block, "abs", bound_of(self.max_error))
        return bytes([block.itemsize]) + bytes(coded)
