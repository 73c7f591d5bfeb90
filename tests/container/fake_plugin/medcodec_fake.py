"""A codec of another package, found through its entry point: stores the voxels as they are."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import Capabilities, Codec, FrameGroup


@dataclass(frozen=True)
class StoreCodec(Codec):
    name: ClassVar[str] = "fake-store"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=False, max_bits=64, floats=True, needs_weights=False
    )

    def to_dict(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "StoreCodec":
        return cls(**settings)

    def encode(self, group: FrameGroup) -> bytes:
        return group.voxels.tobytes()

    def decode(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype) -> np.ndarray:
        return np.frombuffer(data, dtype).reshape(shape)
