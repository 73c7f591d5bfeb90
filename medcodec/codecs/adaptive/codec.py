"""The codec's settings, and the choice of how a group is coded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive import streams
from medcodec.codecs.adaptive.boxes import Shape, preferred_box
from medcodec.codecs.base import AnyArray, Capabilities, Codec, FrameGroup
from medcodec.errors import FormatError, OptionError

EFFORTS = ("fastest", "fast", "default", "max")


@dataclass(frozen=True)
class AdaptiveCodec(Codec):
    """Lossless, or with every voxel's error bounded.

    Parameters
    ----------
    effort
        "fastest" (block-wise predictors), "fast", "default" or "max" (online least squares, growing).
    max_error
        Greatest difference between a decoded and an original stored value; 0 is lossless. Whole numbers for
        integer voxels.

    Raises
    ------
    OptionError
        If the effort is unknown or the bound is negative.
    """

    effort: str = "default"
    max_error: float = 0

    name: ClassVar[str] = "adaptive"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=64, floats=True, needs_weights=False
    )

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            msg = f"unknown effort {self.effort!r}; known: {', '.join(EFFORTS)}"
            raise OptionError(msg)
        if not 0 <= self.max_error < np.inf:
            msg = f"max_error {self.max_error!r} must be zero or more"
            raise OptionError(msg)

    def draft(self) -> AdaptiveCodec:
        """Return a quicker codec that ranks layouts like this one."""
        return self if self.effort == "fastest" else replace(self, effort="fastest")

    def preferred_box(self, shape: Shape, dtype: np.dtype[Any]) -> Shape:
        """Return the shape of boxes of which one decodes quickly and little is lost between them."""
        del dtype
        return preferred_box(shape, tiled=self.effort in ("default", "max"))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> AdaptiveCodec:
        """Build the codec from `to_dict`'s result."""
        effort, max_error = settings.get("effort"), settings.get("max_error")
        known = set(settings) == {"effort", "max_error"} and isinstance(effort, str)
        if not known or isinstance(max_error, bool) or not isinstance(max_error, int | float):
            msg = f"adaptive codec: malformed settings {settings!r}"
            raise FormatError(msg)
        try:
            return cls(effort=str(effort), max_error=max_error)
        except OptionError as error:
            msg = f"adaptive codec: {error}"
            raise FormatError(msg) from error

    def encode(self, group: FrameGroup) -> bytes:
        """Return the coded group: the smallest of what suits its values."""
        voxels = np.ascontiguousarray(group.voxels)
        if self.max_error:
            return streams.encode_bounded(voxels, effort=self.effort, max_error=self.max_error)
        return streams.encode_lossless(voxels, effort=self.effort)

    def decode(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> AnyArray:
        """Return the group's voxels; raise `FormatError` if ``data`` is not a valid group of that shape."""
        return streams.decode(data, shape, dtype)

    def decode_many(
        self, data: bytes, ranges: Sequence[tuple[int, int]], shapes: Sequence[Shape], dtype: np.dtype[Any]
    ) -> list[AnyArray]:
        """Return the voxels of several groups; those that are all block streams in one call of the kernel."""
        found = streams.decode_block_streams(data, ranges, shapes, dtype)
        return super().decode_many(data, ranges, shapes, dtype) if found is None else found

    def place_many(
        self,
        data: bytes,
        ranges: Sequence[tuple[int, int]],
        cuts: npt.NDArray[np.int64],
        frames: AnyArray,
    ) -> list[int] | None:
        """Copy parts of groups that are all block streams; see `Codec.place_many`."""
        return streams.place_block_streams(data, ranges, cuts, frames)
