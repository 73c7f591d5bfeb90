"""A small honest codec, so that container and command line are tested without the real ones."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import Capabilities, Codec, FrameGroup
from medcodec.errors import FormatError


@dataclass(frozen=True)
class LzmaCodec(Codec):
    name: ClassVar[str] = "test-lzma"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=64, floats=True, needs_weights=False
    )
    effort: str = "default"
    max_error: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"effort": self.effort, "max_error": self.max_error}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LzmaCodec:
        if set(settings) != {"effort", "max_error"}:
            msg = f"settings are {settings}"
            raise FormatError(msg)
        return cls(**settings)

    def encode(self, group: FrameGroup) -> bytes:
        values = group.voxels
        if self.max_error:
            step = 2 * self.max_error + 1
            limits = np.iinfo(values.dtype)
            rounded = (values.astype(np.int64) + self.max_error) // step * step
            values = np.clip(rounded, limits.min, limits.max).astype(values.dtype)
        return lzma.compress(values.tobytes(), preset=0)

    def decode(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> np.ndarray:
        return np.frombuffer(lzma.decompress(data), dtype).reshape(shape)
