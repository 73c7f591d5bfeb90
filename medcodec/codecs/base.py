"""The one contract that every codec follows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, OptionError

if TYPE_CHECKING:
    from typing_extensions import Self

AnyArray = npt.NDArray[Any]
_BOX_VOXELS = 2_500_000


@dataclass(frozen=True)
class FrameGroup:
    """A self-contained box of frames: the unit of random access, of parallel work and of damage.

    Parameters
    ----------
    voxels
        Stored values, shape ``(sequences, frames, height, width)``, any real integer or float dtype in
        native byte order, C-contiguous. A 3-D volume has one sequence; a cine has one per z over t (or
        per t over z); the components of RGB and complex data are sequences too. Frame ``n`` of sequence
        ``s`` may be predicted from frames before ``n`` and from sequences before ``s``.
    """

    voxels: AnyArray


@dataclass(frozen=True)
class Capabilities:
    """What a codec can do, as data.

    Parameters
    ----------
    lossless
        Decoding can give back exactly the stored values.
    error_bound
        ``max_error`` is honoured for every voxel.
    max_bits
        Greatest number of bits of an integer voxel.
    floats
        Float voxels are accepted.
    needs_weights
        A trained model is needed.
    """

    lossless: bool
    error_bound: bool
    max_bits: int
    floats: bool
    needs_weights: bool


class Codec(ABC):
    """Code groups of frames; the settings (a frozen dataclass) are the codec's identity in the stream."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    model_sha256: str | None = None
    quality_range: ClassVar[tuple[float, float] | None] = None
    # Settings that follow from others or from the volume, which lines for people leave out.
    derived: ClassVar[tuple[str, ...]] = ()

    @property
    def exact(self) -> bool:
        """Whether decoding gives back exactly what was encoded, with these settings."""
        return self.capabilities.lossless and not getattr(self, "max_error", 0)

    def prepare(self, voxels: AnyArray) -> Codec:
        """Return this codec with what it takes from the whole volume (its range of values) fixed; or itself.

        Parameters
        ----------
        voxels
            All voxels of the volume, of a real dtype.
        """
        del voxels
        return self

    def note(self, voxels: AnyArray) -> str | None:
        """Return what users should know of how a volume's voxels (of a real dtype) are coded; or None."""
        del voxels
        return None

    def with_quality(self, quality: float) -> Codec:
        """Return this codec at a quality from ``quality_range``, whose ends are the worst and the best.

        A codec without a range has no quality; rate control turns the error bound of one that has one.

        Raises
        ------
        OptionError
            If the codec has no quality.
        """
        msg = f"codec {self.name!r} has no quality that can be set to {quality:g}; choose another codec"
        raise OptionError(msg)

    def at_percent(self, quality: float) -> Codec:
        """Return this codec at a quality from 0 (worst) to 100 (best), spread evenly over its range.

        Raises
        ------
        OptionError
            If the codec has no quality, or it is not from 0 to 100.
        """
        if not 0 <= quality <= 100:
            msg = f"quality {quality!r}: give a number from 0 to 100"
            raise OptionError(msg)
        low, high = self.quality_range or (0.0, 100.0)
        return self.with_quality(low + (high - low) * quality / 100)

    def draft(self) -> Codec:
        """Return a quicker codec whose sizes rank the axes of a volume as this one's do; or itself."""
        return self

    def preferred_box(
        self, shape: tuple[int, int, int, int], dtype: np.dtype[Any]
    ) -> tuple[int, int, int, int]:
        """Return the shape of the boxes in which a frame array of ``shape`` is best coded.

        A box should be small enough that reading one slice is quick, and large enough that little is lost
        between boxes. By default it has about 2.5 million voxels: whole frames, of as many sequences as
        frames where there are both.
        """
        del dtype
        sequences, frames, height, width = (max(1, size) for size in shape)
        budget = max(1, _BOX_VOXELS // (height * width))
        if sequences * frames * 2 <= budget * 3:
            return sequences, frames, _even(height, max(1, _BOX_VOXELS // width)), width
        depth = _even(sequences, max(budget // frames, math.isqrt(budget)))
        length = _even(frames, max(1, budget // depth))
        return depth, length, _even(height, max(1, _BOX_VOXELS // width)), width

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that a decoder must know, as JSON values: by default, all fields."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Self:
        """Build the codec from `to_dict`'s result; raise `FormatError` if it is malformed."""
        known = {entry.name for entry in fields(cls)}  # type: ignore[arg-type]
        simple = all(isinstance(value, str | int | float | None) for value in settings.values())
        if set(settings) != known or not simple:
            msg = f"codec {cls.name!r}: malformed settings {settings!r:.200}"
            raise FormatError(msg)
        try:
            return cls(**settings)
        except (OptionError, TypeError, ValueError) as error:
            msg = f"codec {cls.name!r}: {error}"
            raise FormatError(msg) from error

    @abstractmethod
    def encode(self, group: FrameGroup) -> bytes:
        """Return the coded group; the same bytes on every machine and thread count."""

    @abstractmethod
    def decode(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> AnyArray:
        """Return the group's voxels, shape ``(sequences, frames, height, width)``.

        ``shape`` and ``dtype`` come from the container, which has already bounded them.

        Raises
        ------
        FormatError, IntegrityError
            If ``data`` is not a valid coded group of that shape; never reads out of bounds or loops.
        """

    def decode_many(
        self,
        data: bytes,
        ranges: Sequence[tuple[int, int]],
        shapes: Sequence[tuple[int, int, int, int]],
        dtype: np.dtype[Any],
    ) -> list[AnyArray]:
        """Return the voxels of several groups, as `decode` returns those of one.

        A codec that decodes small groups quickly saves time here on what surrounds each of them.

        Parameters
        ----------
        data
            Where the coded groups are, each in its range ``(start, stop)``.
        ranges, shapes
            One of each for every group.
        dtype
            As for `decode`.

        Raises
        ------
        FormatError, IntegrityError
            If any of the groups is not valid.
        """
        coded = (data[start:stop] for start, stop in ranges)
        return [self.decode(group, shape, dtype) for group, shape in zip(coded, shapes, strict=True)]

    def place_many(
        self,
        data: bytes,
        ranges: Sequence[tuple[int, int]],
        cuts: npt.NDArray[np.int64],
        frames: AnyArray,
    ) -> list[int] | None:
        """Decode several groups, but keep only a part of each, in an array; by default, refuse.

        Parameters
        ----------
        data, ranges
            As for `decode_many`.
        cuts
            Shape ``(groups, 4, 4)``, in C order: for each group and axis its size, the first index that is
            wanted, how many are, and the first index in ``frames``.
        frames
            Array of four axes in C order that takes the parts; what else it holds stays.

        Returns
        -------
        The CRC32C of the voxels of each whole group (little-endian, C order), or None if the codec does not
        do this for such groups.

        Raises
        ------
        FormatError, IntegrityError
            If any of the groups is not valid; parts of ``frames`` may have been overwritten.
        """
        del data, ranges, cuts, frames
        return None

    def decode_reduced(
        self,
        data: bytes,
        shape: tuple[int, int, int, int],
        dtype: np.dtype[Any],
        *,
        scale: int,
        frames: Sequence[int],
    ) -> AnyArray:
        """Return chosen frames of a group, smaller than they are, by decoding only what they need.

        Parameters
        ----------
        data, shape, dtype
            As for `decode`; no size of ``shape`` is 0.
        scale
            A power of two: height and width are divided by it, rounded up, and a pixel lies where every
            ``scale``-th pixel of the frame does. With 1, frames are those that `decode` returns, without what
            it corrects by frames that are left out.
        frames
            Rising numbers of the frames of each sequence.

        Returns
        -------
        Voxels of ``dtype``, shape ``(sequences, len(frames), height, width)``.

        Raises
        ------
        FormatError, IntegrityError
            If ``data`` is damaged as far as it is read.
        OptionError
            If the codec cannot do it.
        """
        del data, shape, dtype, scale, frames
        msg = f"codec {self.name!r} decodes frames only as a whole and all together; "
        msg += "parts of them can be had from files of the codec 'wavelet'"
        raise OptionError(msg)

    def frame_bytes(self, data: bytes, shape: tuple[int, int, int, int]) -> list[int] | None:
        """Return how many bytes of a coded group each frame takes, sequence after sequence.

        What belongs to no frame is left out. None if frames share their bytes, as they do by default.

        Raises
        ------
        FormatError
            If ``data`` is not a valid coded group of that shape.
        """
        del data, shape
        return None


def _even(size: int, most: int) -> int:
    """Return the length of parts of at most ``most`` that divide ``size`` most evenly."""
    return -(-size // -(-size // most))
