"""SPERR: a wavelet coder in three dimensions, for a PSNR or with every error bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_range
from medcodec.codecs.standard.needs import Need, image_need
from medcodec.codecs.standard.pictures import image_codecs
from medcodec.codecs.standard.volumetric import VolumetricCodec, bound_of
from medcodec.errors import OptionError


@dataclass(frozen=True)
class SperrCodec(VolumetricCodec):
    """SPERR, one block per group.

    Parameters
    ----------
    psnr
        What each group is coded for, in dB to its own range of values; None to bound the error.
    max_error
        Greatest error of any voxel; 0 is lossless (whole numbers only), None with ``psnr``.
    """

    psnr: float | None = None
    max_error: float | None = None

    name: ClassVar[str] = "sperr"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=52, floats=True, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (image_need("SPERR"),)

    def __post_init__(self) -> None:
        check_range(self.name, "psnr", self.psnr, 1, 200)
        check_range(self.name, "max_error", self.max_error, 0, 1e300)
        if self.psnr is not None and self.max_error is not None:
            msg = "codec 'sperr': give a psnr or a max_error, not both"
            raise OptionError(msg)
        if self.psnr is None and self.max_error is None:
            object.__setattr__(self, "max_error", 0)

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.psnr is None and not self.max_error

    def with_quality(self, quality: float) -> SperrCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, psnr=round(between(20, 120, quality), 3), max_error=None)

    def _encode_block(self, block: AnyArray, low: float, high: float) -> bytes:
        width = bytes([block.itemsize])
        # SPERR ends the process on a block of one frame.
        deep = np.concatenate([block, block]) if len(block) == 1 else block
        level, mode = (bound_of(self.max_error), "pwe") if self.psnr is None else (self.psnr, "psnr")
        if low == high:
            level, mode = bound_of(0), "pwe"
        return width + bytes(image_codecs().sperr_encode(deep, level, mode, numthreads=1))
