"""What the standard codecs share: settings, intensity mapping, payload, and proof before belief."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Codec, FrameGroup
from medcodec.codecs.standard import mapping
from medcodec.codecs.standard.needs import Need, require
from medcodec.codecs.standard.payload import Payload, apply_correction, make_correction
from medcodec.errors import FormatError, IntegrityError, MedcodecError, OptionError

Shape = tuple[int, int, int, int]

_BOX_VOXELS = 1 << 24
_BOX_FRAMES = 64


class StandardCodec(Codec):
    """Settings as a frozen dataclass; subclasses turn samples of few bits into streams and back.

    Class attributes: ``encoder_needs`` and ``decoder_needs`` say what must be installed, ``depths`` which
    numbers of bits a sample may have, ``exact_depths`` the same for exact coding.
    """

    encoder_needs: ClassVar[tuple[Need, ...]] = ()
    decoder_needs: ClassVar[tuple[Need, ...]] = ()
    depths: ClassVar[tuple[int, ...]]
    quality_range: ClassVar[tuple[float, float] | None] = (0.0, 100.0)
    # Frames that lean on one another want long boxes; pictures coded alone want short ones.
    box_frames: ClassVar[int] = 1
    intensity: str = "auto"

    @property
    def needs(self) -> tuple[Need, ...]:
        """What encoding with these settings needs."""
        return (*self.encoder_needs, *self.decoder_needs)

    @property
    def exact_mapping(self) -> bool:
        """Whether only an exact intensity mapping will do."""
        return self.exact or bool(getattr(self, "max_error", None))

    @property
    def sample_depths(self) -> tuple[int, ...]:
        """Numbers of bits that a sample may have with these settings."""
        return tuple(bits for bits in self.depths if bits >= getattr(self, "bits", 0))

    def prepare(self, voxels: AnyArray) -> Codec:
        """Return the codec with its intensity mapping fixed for a whole volume."""
        if self.exact_mapping or voxels.size == 0:
            return self
        changed: Codec = replace(self, intensity=mapping.resolve(self.intensity, voxels))  # type: ignore[type-var]
        return changed

    def mapping_for(self, voxels: AnyArray) -> mapping.Mapping:
        """Return the intensity mapping that voxels (of a group or a whole volume) get."""
        return mapping.choose(
            voxels, self.intensity, self.sample_depths, exact=self.exact_mapping, codec=self.name
        )

    def note(self, voxels: AnyArray) -> str | None:
        """Return the intensity mapping and its own loss, where it loses anything."""
        if voxels.size == 0 or self.exact_mapping:
            return None
        chosen = self.mapping_for(voxels)
        lost = mapping.loss(chosen, voxels)
        return (
            None
            if lost.max_error == 0
            else f"intensity mapping {chosen.describe()}, which alone loses {lost.describe(voxels)}"
        )

    def preferred_box(self, shape: Shape, dtype: np.dtype[Any]) -> Shape:
        """Return whole frames: one for codecs of pictures, up to 64 for codecs of video."""
        del dtype
        sequences, frames, height, width = (max(1, size) for size in shape)
        budget = max(1, min(self.box_frames, _BOX_VOXELS // (height * width)))
        parts = -(-frames // budget)
        length = -(-frames // parts)
        return max(1, min(sequences, budget // length)), length, height, width

    def encode(self, group: FrameGroup) -> bytes:
        """Return the coded group, decoded and compared where the settings promise something.

        Raises
        ------
        MissingDependencyError
            If what the codec runs on is not there.
        UnsupportedDataError
            If the voxels cannot be coded so.
        IntegrityError
            If the standard codec does not keep its promise.
        """
        require(self.name, self.needs)
        voxels = np.ascontiguousarray(group.voxels)
        if voxels.size == 0:
            return Payload(b"", []).pack()
        head, streams = self._encode_group(voxels)
        payload = Payload(head, streams)
        if self.exact_mapping:
            payload = replace(payload, correction=self._correction(voxels, payload))
        return payload.pack()

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
        """Return the group's voxels; raise `FormatError` or `IntegrityError` on what is not one."""
        if 0 in shape:
            return np.empty(shape, dtype)
        require(self.name, self.decoder_needs)
        payload = Payload.parse(data, head_bytes=self._head_bytes(), most_streams=shape[0] * shape[1])
        try:
            voxels = self._decode_group(payload, shape, dtype)
        except MedcodecError:
            raise
        except Exception as error:
            msg = f"codec {self.name!r} cannot decode the stream ({type(error).__name__}: {error})"
            raise IntegrityError(msg) from error
        return apply_correction(voxels, payload.correction)

    def frame_bytes(self, data: bytes, shape: Shape) -> list[int] | None:
        """Return the bytes of each frame, where the streams tell."""
        if 0 in shape:
            return None
        payload = Payload.parse(data, head_bytes=self._head_bytes(), most_streams=shape[0] * shape[1])
        return self._stream_bytes(payload.streams, shape[0] * shape[1])

    def _stream_bytes(self, streams: list[bytes], count: int) -> list[int] | None:
        """Return the bytes of each of ``count`` frames: those of its stream, where each has its own."""
        return [len(stream) for stream in streams] if len(streams) == count else None

    def _correction(self, voxels: AnyArray, payload: Payload) -> bytes:
        """Return what mends a stream that is not what was promised; refuse where nothing can."""
        s, f, h, w = voxels.shape
        decoded = self._decode_group(payload, (s, f, h, w), voxels.dtype)
        bound = 0 if self.exact else getattr(self, "max_error", 0)
        if voxels.dtype.kind == "f":
            error = np.abs(voxels.astype(np.float64) - decoded.astype(np.float64)).max()
            if not error <= bound:
                msg = f"codec {self.name!r} is off by {error:g}, more than the bound of {bound:g}; "
                msg += "use codec 'adaptive'"
                raise IntegrityError(msg)
            return b""
        wide = np.maximum(voxels, decoded).astype(np.uint64) - np.minimum(voxels, decoded).astype(np.uint64)
        return make_correction(np.where(wide > np.uint64(int(bound)), voxels, decoded), decoded)

    def _head_bytes(self) -> int:
        return mapping.MAPPING_BYTES

    def _encode_group(self, voxels: AnyArray) -> tuple[bytes, list[bytes]]:
        chosen = self.mapping_for(voxels)
        streams = self._encode_samples(chosen.forward(voxels), chosen.bits)
        return chosen.pack(voxels.dtype), streams

    def _decode_group(self, payload: Payload, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
        chosen = mapping.Mapping.parse(payload.head, dtype)
        if chosen.bits not in self.depths:
            msg = f"codec {self.name!r} has no samples of {chosen.bits} bits"
            raise FormatError(msg)
        samples = self._decode_samples(payload.streams, shape, chosen.bits)
        if samples.shape != shape:
            msg = f"codec {self.name!r}: the stream holds {samples.shape} samples instead of {shape}"
            raise FormatError(msg)
        return chosen.backward(samples, dtype)

    @abstractmethod
    def _encode_samples(self, samples: AnyArray, bits: int) -> list[bytes]:
        """Return the streams of samples of shape ``(sequences, frames, height, width)``."""

    @abstractmethod
    def _decode_samples(self, streams: list[bytes], shape: Shape, bits: int) -> AnyArray:
        """Return the samples of streams."""


def check_range(codec: str, name: str, value: float | None, low: float, high: float) -> None:
    """Raise `OptionError` unless a setting is None or in its range."""
    if value is not None and (isinstance(value, str | bool) or not low <= value <= high):
        msg = f"codec {codec!r}: {name} is {value!r}; give a number from {low:g} to {high:g}"
        raise OptionError(msg)


def check_choice(codec: str, name: str, value: object, known: tuple[object, ...]) -> None:
    """Raise `OptionError` unless a setting has one of its values."""
    if value not in known:
        msg = f"codec {codec!r}: {name} is {value!r}; known: {', '.join(map(str, known))}"
        raise OptionError(msg)


def between(worst: float, best: float, quality: float) -> float:
    """Return the native setting at a quality of 0 (worst) to 100 (best), in equal steps."""
    return worst + (best - worst) * quality / 100


def between_ratios(worst: float, best: float, quality: float) -> float:
    """Return the native setting at a quality of 0 (worst) to 100 (best), in equal ratios."""
    ratio: float = worst * (best / worst) ** (quality / 100)
    return ratio


def flat(samples: AnyArray) -> AnyArray:
    """Return the frames of all sequences one after the other."""
    return samples.reshape(-1, *samples.shape[2:])
