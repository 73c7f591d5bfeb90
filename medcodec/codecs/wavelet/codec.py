"""The wavelet codec behind the one contract of codecs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray, Capabilities, Codec, FrameGroup
from medcodec.codecs.wavelet.averaging import averaged
from medcodec.codecs.wavelet.background import Frames, filled, pack_background, parse_background
from medcodec.codecs.wavelet.bounded import corrected, corrections, decode_corrections, encode_corrections
from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import CodedGroup, Effort, GroupEncoder, squared_error
from medcodec.codecs.wavelet.hierarchy import GOPS, frame_steps, layer_count
from medcodec.codecs.wavelet.intensity import Intensity
from medcodec.codecs.wavelet.model import NO_MODEL, WaveletModel, current_model, model_of
from medcodec.codecs.wavelet.pixels import decode_pixels, encode_pixels
from medcodec.codecs.wavelet.plan import Plan, choose_plan
from medcodec.codecs.wavelet.quality import BEST, SCALED, STEP_UNIT, Quality, quality_of, quality_within
from medcodec.codecs.wavelet.reduced import decode_frames, smaller
from medcodec.codecs.wavelet.stream import pack_bounded, parse_bounded
from medcodec.errors import FormatError, OptionError, UnsupportedDataError

Shape = tuple[int, int, int, int]

EFFORTS = {
    "fast": (Effort(motion=None), (8,)),
    "default": (Effort(motion=0, spacings=(16, 32)), (8,)),
    "max": (Effort(motion=1, spacings=(8, 16, 32), blocks=(8, 16)), (2, 4, 8, 16, 32)),
}
_BOX_VOXELS = 1 << 23
_BOX_FRAMES = 33


@dataclass(frozen=True)
class WaveletCodec(Codec):
    """Frames predicted over time with motion, lifted in space, quantised, and coded by integer networks.

    Parameters
    ----------
    quality
        Quality index from 0 (smallest) to 20 (best), continuous (paper, section 3.1); None is lossless.
    max_error
        Greatest error of any voxel, in stored units, instead of a quality; integers only.
    size
        Of the networks: "base", "small", "none" for a plain wavelet coder, or your own (`docs/training.md`).
    effort
        "fast" looks for no motion; "max" also tries several distances of key frames.
    model
        SHA-256 of the networks; None takes the newest of the size.
    low, high
        Range of the stored values, which `prepare` takes from the volume.
    """

    quality: float | None = None
    max_error: float | None = None
    size: str = "base"
    effort: str = "default"
    model: str | None = None
    low: float | None = None
    high: float | None = None

    name: ClassVar[str] = "wavelet"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=True, max_bits=16, floats=True, needs_weights=True
    )
    quality_range: ClassVar[tuple[float, float] | None] = (0.0, BEST)
    derived: ClassVar[tuple[str, ...]] = ("model", "low", "high")

    def __post_init__(self) -> None:
        if self.quality is not None and not 0 <= self.quality <= BEST:
            msg = f"codec 'wavelet': quality is 0 to {BEST:g}, not {self.quality:g}"
            raise OptionError(msg)
        if self.max_error is not None and (self.max_error < 0 or self.quality is not None):
            msg = "codec 'wavelet': give a quality or a max_error of 0 or more, not both"
            raise OptionError(msg)
        if self.effort not in EFFORTS:
            msg = f"codec 'wavelet': effort is one of {', '.join(EFFORTS)}, not {self.effort!r}"
            raise OptionError(msg)
        low, high = self.low, self.high
        if (low is not None or high is not None) and not -np.inf < low <= high < np.inf:  # type: ignore[operator]
            msg = f"codec 'wavelet': {low} to {high} is no range of values"
            raise OptionError(msg)
        if self.size != NO_MODEL and self.model is None:
            object.__setattr__(self, "model", current_model(self.size))

    @property
    def model_sha256(self) -> str | None:  # type: ignore[override]
        """SHA-256 of the networks."""
        return self.model

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.quality is None and self._bound == 0

    @property
    def _bound(self) -> int:
        return int(self.max_error or 0)

    def with_quality(self, quality: float) -> WaveletCodec:
        """Return the codec at a quality index."""
        return replace(self, quality=round(quality, 4), max_error=None)

    def prepare(self, voxels: AnyArray) -> WaveletCodec:
        """Return the codec with the range of values of a volume."""
        if voxels.size == 0:
            return self
        finite = voxels[np.isfinite(voxels)] if voxels.dtype.kind == "f" else voxels
        if finite.size == 0:
            return self
        number = float if voxels.dtype.kind == "f" else int
        return replace(self, low=number(finite.min()), high=number(finite.max()))

    def draft(self) -> WaveletCodec:
        """Return the codec without networks and motion."""
        return replace(self, size=NO_MODEL, model=None, effort="fast")

    def preferred_box(self, shape: Shape, dtype: np.dtype[Any]) -> Shape:
        """Return whole frames, up to 33 of them: key frames lie up to 32 apart."""
        del dtype
        sequences, frames, height, width = (max(1, size) for size in shape)
        budget = max(1, min(_BOX_FRAMES, _BOX_VOXELS // (height * width)))
        length = -(-frames // -(-frames // budget))
        return max(1, min(sequences, budget // length)), length, height, width

    def encode(self, group: FrameGroup) -> bytes:
        """Return the coded group: where key frames lie is chosen by rate and distortion.

        Raises
        ------
        UnsupportedDataError
            If voxels are not finite, or cannot be coded without loss as asked.
        """
        if group.voxels.size == 0:
            return b""
        codec = self if self.low is not None else self.prepare(group.voxels)
        intensity = codec._intensity(group.voxels.dtype)
        if self.quality is None and not intensity.lossless:
            msg = "the wavelet codec is lossless, or bounds errors, only for integers that span 16 bits; "
            msg += "give a quality, or use the adaptive codec"
            raise UnsupportedDataError(msg)
        if codec._bound and (codec.high or 0) >= 1 << 63:
            msg = "the wavelet codec bounds errors only of values below 2^63; use the adaptive codec"
            raise UnsupportedDataError(msg)
        frames = intensity.forward(group.voxels)
        draft = partial(codec._draft, intensity=intensity)
        in_pixels = partial(codec._in_pixels, intensity=intensity)
        plan = Plan() if self.exact else choose_plan(frames, draft, in_pixels, bounded=codec._bound > 0)
        best, _ = self._best(frames, intensity, plan, effort=self.effort)
        if plan.pixels:
            best = min(best, in_pixels(frames, best), key=lambda group: len(group.data))
        if not codec._bound:
            return best.data
        decoded = intensity.backward(best.pictures, np.dtype(np.int64))
        wanted = group.voxels.astype(np.int64)
        moves = corrections(wanted, decoded, codec._bound)
        return pack_bounded(encode_corrections(moves, decoded, codec._bound), best.data)

    def _best(
        self, frames: Frames, intensity: Intensity, plan: Plan, *, effort: str
    ) -> tuple[CodedGroup, float]:
        """Return the group with the distance of key frames that costs least, and its rate and distortion."""
        mask = plan.mask
        seen = frames if mask is None else filled(frames, mask)
        head = b"" if mask is None else pack_background(mask, b"")
        search, gops = EFFORTS[effort]
        if plan.repeating and len(gops) == 1:
            gops = GOPS[-1:]
        tried = []
        for gop in _useful(gops, frames.shape[1]):
            steps = frame_steps(frames.shape[1], gop)
            quality = self._steps(intensity, layer_count(steps), repeating=plan.repeating)
            wanted = (
                averaged(seen, steps, quality.steps[0] / STEP_UNIT) if plan.averaged and quality else seen
            )
            coded = GroupEncoder(
                wanted, intensity.top, gop=gop, quality=quality, model=self._networks(), effort=search
            ).encode()
            if mask is not None:
                coded = CodedGroup(head + coded.data, np.where(mask, 0, coded.pictures))
            tried.append((coded, _cost(coded, frames, quality)))
        return min(tried, key=lambda group: group[1])

    def _in_pixels(self, frames: Frames, group: CodedGroup, *, intensity: Intensity) -> CodedGroup:
        """Return frames without a transform, as close to them as a coded group."""
        distortion = squared_error(group.pictures, frames)
        # Drafts compare axes: a coder that suits few voxels best says little of a transform of them all.
        drafted = self.size == NO_MODEL and self.effort == "fast"
        effort = "fastest" if drafted else self.effort
        return encode_pixels(frames, intensity, distortion, effort=effort)

    def _draft(
        self, frames: Frames, plan: Plan, change: float, *, intensity: Intensity
    ) -> tuple[CodedGroup, float]:
        """Code frames quickly, at another quality; see `medcodec.codecs.wavelet.plan`."""
        quality = None if self.quality is None else min(max(self.quality + change, 0.0), BEST)
        codec = replace(self.draft(), quality=quality)
        return codec._best(frames, intensity, plan, effort=codec.effort)

    def _steps(self, intensity: Intensity, layers: int, *, repeating: bool) -> Quality | None:
        """Return the quantisation of so many temporal layers; None is reversible."""
        value = 1 << intensity.fraction_bits
        if self._bound:
            return quality_within(self._bound, layers, value=value)
        if self.quality is not None:
            span = max(intensity.top, 1)
            return quality_of(self.quality, span, layers, value=value, repeating=repeating)
        return None

    def decode(self, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
        """Return the group's voxels.

        Raises
        ------
        FormatError, IntegrityError
            If ``data`` is not a valid group of that shape.
        """
        if 0 in shape:
            return np.empty(shape, dtype)
        intensity = self._intensity(dtype)
        moved, data, whole_cells = parse_bounded(data) if self._bound else (b"", data, False)
        pictures = self._pictures(data, shape, intensity)
        if not self._bound:
            return intensity.backward(pictures, dtype)
        decoded = intensity.backward(pictures, np.dtype(np.int64))
        moves = decode_corrections(moved, decoded, self._bound)
        voxels = corrected(decoded, moves, self._bound, whole_cells=whole_cells)
        return np.clip(voxels, int(self.low or 0), int(self.high or 0)).astype(dtype)

    def _pictures(self, data: bytes, shape: Shape, intensity: Intensity) -> Frames:
        pictures = decode_pixels(data, shape, intensity)
        if pictures is not None:
            return pictures
        networks = self._networks()
        mask, data = parse_background(data, shape)
        symbols = parse_symbols(data, shape, networks)
        if len(symbols.frames) != shape[0] * shape[1]:
            msg = "a group of the wavelet codec lacks temporal layers: the data is cut off"
            raise FormatError(msg)
        pictures = synthesise(symbols, shape, intensity.top, networks)
        if mask is not None:
            pictures[mask] = 0
        return pictures

    def decode_reduced(
        self, data: bytes, shape: Shape, dtype: np.dtype[Any], *, scale: int, frames: Sequence[int]
    ) -> AnyArray:
        """Return chosen frames at a fraction of their size; see `Codec.decode_reduced`."""
        if self._bound and scale == 1:
            # What is expected of corrections depends on all frames before.
            return self.decode(data, shape, dtype)[:, frames]
        intensity = self._intensity(dtype)
        if self._bound:
            _, data, _ = parse_bounded(data)
        halvings = scale.bit_length() - 1
        whole = decode_pixels(data, shape, intensity)
        if whole is not None:
            pictures = smaller(whole[:, frames], halvings, intensity.top)
            return intensity.backward(pictures, dtype)
        mask, data = parse_background(data, shape)
        pictures = decode_frames(
            data, shape, intensity.top, self._networks(), halvings=halvings, frames=frames
        )
        if mask is not None:
            pictures[mask[:, frames, ::scale, ::scale]] = 0
        return intensity.backward(pictures, dtype)

    def _networks(self) -> WaveletModel | None:
        return None if self.model is None else model_of(self.model)

    def _intensity(self, dtype: np.dtype[Any]) -> Intensity:
        return Intensity(self.low or 0.0, self.high or 0.0, dtype.kind != "f", self.exact)


def _useful(gops: tuple[int, ...], frames: int) -> tuple[int, ...]:
    """Return the distances of key frames that make a difference for so many frames."""
    most = next((gop for gop in GOPS if gop >= frames - 1), GOPS[-1])
    return tuple(dict.fromkeys(min(gop, most) for gop in gops))


def _cost(coded: CodedGroup, frames: Frames, quality: Quality | None) -> float:
    """Return rate and distortion as one number: squared errors in working units, and weighted bits."""
    bits = 8.0 * len(coded.data)
    if quality is None:
        return bits
    weight = quality.rate_weight / SCALED**2 * (quality.steps[0] / STEP_UNIT) ** 2
    return squared_error(coded.pictures, frames) + weight * bits
