"""The wavelet codec as a trainable one: real streams, and estimates of them through which gradients pass."""

from __future__ import annotations

import copy
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from medcodec._native import BlockContexts
from medcodec.codecs.base import AnyArray, FrameGroup
from medcodec.codecs.wavelet.coefficients import FrameLevels
from medcodec.codecs.wavelet.decoder import Symbols, parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import CodedGroup, Effort, GroupEncoder
from medcodec.codecs.wavelet.hierarchy import frame_steps, layer_count
from medcodec.codecs.wavelet.intensity import Intensity
from medcodec.codecs.wavelet.model import ENHANCE, FUSE, POSTFILTER, WaveletModel
from medcodec.codecs.wavelet.quality import STEP_UNIT, quality_of
from medcodec.codecs.wavelet.stream import pack_choices, parse
from medcodec.codecs.wavelet.subbands import LOW
from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.training import wavelet_networks as networks
from medcodec.training.config import ModelSettings
from medcodec.training.contract import AdapterSite, Estimate, TrainableCodec
from medcodec.training.loop import start_rounding
from medcodec.training.wavelet_samples import CORNER, EDGE, Sample, record

_HEAD = struct.Struct("<dd??")
PARTS = ("overhead", "choices", "coarse", "fine")


@dataclass(frozen=True)
class _Coded:
    """A group as its stream says it, with the working units that it is about."""

    intensity: Intensity
    frames: npt.NDArray[np.int32]
    group: CodedGroup
    symbols: Symbols
    model: WaveletModel


class TrainableWavelet(TrainableCodec):
    """The wavelet codec over its networks in PyTorch.

    The stream is the codec's own, made with the networks as integers. An estimate takes the symbols of that
    stream as given: bits are what its segments take, shared among their frames and with gradients as the
    networks as they are (in floating point or rounded) would spend them without the coder's adaptation; the
    reconstruction is what decoders make, with the gradients of the corrections that the stream uses.

    Parameters
    ----------
    modules
        All networks by name; new ones by default.
    gop
        Distance of key frames.
    effort
        Of the encoder.
    """

    def __init__(
        self, modules: nn.ModuleDict | None = None, *, gop: int = 8, effort: Effort | None = None
    ) -> None:
        super().__init__()
        self.networks = modules if modules is not None else networks.build_networks(ModelSettings("new"))
        self._gop, self._effort = gop, effort or Effort()

    def exported(self) -> WaveletModel:
        """Return the networks as integers; those in floating point are rounded at scales they have seen."""
        rounded = {}
        for name, network in self.networks.items():
            ready = network.quantised or not network.peaks.any()
            rounded[name] = network if ready else _rounded(network)
        return networks.export_model(rounded)

    def compress(self, group: FrameGroup, rate: float | None) -> bytes:
        """Return a group's real bytes; see `TrainableCodec`."""
        intensity = _intensity(group, rate)
        head = _HEAD.pack(intensity.low, intensity.high, intensity.whole, intensity.exact)
        return head + self._encode(intensity.forward(group.voxels), intensity, rate, self.exported()).data

    def decompress(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> AnyArray:
        """Return the voxels of what `compress` wrote; see `TrainableCodec`."""
        if len(data) < _HEAD.size:
            msg = "a group of the trainable wavelet codec is cut off"
            raise FormatError(msg)
        intensity = Intensity(*_HEAD.unpack_from(data))
        model = self.exported()
        symbols = parse_symbols(data[_HEAD.size :], shape, model)
        return intensity.backward(synthesise(symbols, shape, intensity.top, model), dtype)

    def forward(self, group: FrameGroup, rate: float | None) -> Estimate:
        """Return what a group would give; see `TrainableCodec`."""
        intensity, model = _intensity(group, rate), self.exported()
        frames = intensity.forward(group.voxels)
        coded = self._encode(frames, intensity, rate, model)
        symbols = parse_symbols(coded.data, group.voxels.shape, model)
        return self._estimate(_Coded(intensity, frames, coded, symbols, model))

    def encoder_modules(self) -> list[nn.Module]:
        """Return no module: what only encoders do is searched, not learned."""
        return []

    def decoder_modules(self) -> list[nn.Module]:
        """Return all networks."""
        return list(self.networks.values())

    def adapter_sites(self) -> list[AdapterSite]:
        """Return the hidden convolutions: sums beside them can be merged into their weights before export."""
        sites = []
        for name, network in self.networks.items():
            for number, conv in enumerate(network.convs[:-1]):
                channels = (conv.in_channels, conv.out_channels)
                sites.append(AdapterSite(f"networks.{name}.convs.{number}", "parallel", channels))
        return sites

    def _encode(
        self, frames: npt.NDArray[np.int32], intensity: Intensity, rate: float | None, model: WaveletModel
    ) -> CodedGroup:
        quality, top, value = None, intensity.top, 1 << intensity.fraction_bits
        if rate is not None:
            layers = layer_count(frame_steps(frames.shape[1], self._gop))
            quality = quality_of(rate, max(top, 1), layers, value=value)
        return GroupEncoder(
            frames, top, gop=self._gop, quality=quality, model=model, effort=self._effort
        ).encode()

    def _estimate(self, coded: _Coded) -> Estimate:
        samples = record(coded.frames, coded.intensity.top, coded.symbols, coded.model).samples
        device = next(self.networks.parameters()).device
        bits = {part: torch.zeros(coded.frames.shape[:2], device=device) for part in PARTS}
        contexts = BlockContexts()
        for (sequence, step), choices, levels in coded.symbols.frames:
            bits["choices"][sequence, step.frame] += 8 * len(pack_choices([choices], contexts))
            for level, extra in _untrained_bits(levels):
                bits["fine" if level == 0 else "coarse"][sequence, step.frame] += extra
        for kind in (EDGE, CORNER):
            for sample in samples[kind]:
                sequence, frame, _, level = sample.place
                part = bits["fine" if level == 0 else "coarse"]
                part[sequence, frame] += self._context_bits(kind, sample, device)
        _fit_to_stream(bits, coded)
        return Estimate(self._reconstruction(coded, samples, device), bits)

    def _context_bits(self, kind: str, sample: Sample, device: torch.device) -> torch.Tensor:
        features = torch.from_numpy(sample.features).to(device).float()[None]
        levels = torch.from_numpy(sample.targets.astype(np.int32)).to(device)[None]
        total = networks.tail_bits(levels)
        for number in range(levels.shape[1]):
            network = self.networks[f"{kind}-{number}"]
            logits = network(networks.context_input(features, number, network.inputs))
            total = total + networks.level_bits(logits.float(), levels[:, number]).sum()
        return total

    def _reconstruction(
        self, coded: _Coded, samples: dict[str, list[Sample]], device: torch.device
    ) -> torch.Tensor:
        used = {(s, step.frame): choices for (s, step), choices, _ in coded.symbols.frames}
        pictures = torch.from_numpy(coded.group.pictures.astype(np.float32)).to(device)
        height, width = pictures.shape[2:]
        gradients = torch.zeros_like(pictures)
        for kind in (FUSE, ENHANCE, POSTFILTER):
            for sample in samples[kind]:
                sequence, frame, *_ = sample.place
                choices = used[sequence, frame]
                chosen = {FUSE: choices.fused, ENHANCE: choices.enhanced, POSTFILTER: choices.postfiltered}
                if not chosen[kind]:
                    continue
                name = coded.model.enhancers[choices.enhanced - 1] if kind == ENHANCE else kind
                network = self.networks[name]
                seen = sample.features[: network.inputs]
                features = torch.from_numpy(seen).to(device).float()[None]
                pixels = nn.functional.pixel_shuffle(network(features).float(), 2)
                correction = pixels[0, 0, :height, :width] * (networks.CORRECTION * sample.step / STEP_UNIT)
                gradients[sequence, frame] += correction - correction.detach()
        intensity = coded.intensity
        unit = 1.0 if intensity.lossless else (intensity.high - intensity.low) / intensity.levels
        return (pictures + gradients) * (unit / (1 << intensity.fraction_bits)) + intensity.low


def _intensity(group: FrameGroup, rate: float | None) -> Intensity:
    voxels = group.voxels
    whole = voxels.dtype.kind != "f"
    intensity = Intensity(float(voxels.min()), float(voxels.max()), whole=whole, exact=rate is None)
    if rate is None and not intensity.lossless:
        msg = f"voxels of {voxels.dtype} are not integers that span 16 bits, all that is coded without loss"
        raise UnsupportedDataError(msg)
    return intensity


def _rounded(network: Any) -> Any:
    network = copy.deepcopy(network)
    start_rounding(network)
    return network


def _fit_to_stream(bits: dict[str, torch.Tensor], coded: _Coded) -> None:
    """Scale the bits of coefficients to what the segments of a stream take; all else is overhead."""
    layer_of = {step.frame: step.layer for (_, step), *_ in coded.symbols.frames}
    left = 8 * (_HEAD.size + len(coded.group.data)) - float(bits["choices"].sum())
    for number, layer in enumerate(parse(coded.group.data)[1]):
        frames = [frame for frame, its_layer in layer_of.items() if its_layer == number]
        for part, segment in zip(("coarse", "fine"), layer.segments, strict=True):
            likely = bits[part][:, frames]
            factor = 8 * len(segment) / likely.detach().sum().clamp(min=1e-9)
            bits[part][:, frames] = likely * factor
            left -= float(bits[part][:, frames].detach().sum())
    bits["overhead"] += left / bits["overhead"].numel()


def _untrained_bits(frame: FrameLevels) -> list[tuple[int, float]]:
    """Return about what no network gives bits for, by level: the low band, and which blocks are predicted."""
    bits = [
        (level, _low_bits(levels))
        for (orientation, level), levels in frame.levels.items()
        if orientation == LOW
    ]
    return bits + [(level, _share_bits(blocks)) for (_, level), blocks in frame.predicted.items()]


def _low_bits(levels: npt.NDArray[np.int32]) -> float:
    """Return the bits of integers of a two-sided geometric distribution of their own scale."""
    sizes = np.abs(levels.astype(np.float64))
    mean = sizes.mean()
    decay = mean / (1 + mean)
    signs = float((sizes > 0).sum())
    if mean == 0:
        return 0.0
    return float(sizes.sum() * -np.log2(decay) + levels.size * -np.log2(1 - decay) + signs)


def _share_bits(blocks: npt.NDArray[np.uint8]) -> float:
    share = float(blocks.mean())
    if share in (0.0, 1.0):
        return 0.0
    return float(blocks.size * -(share * np.log2(share) + (1 - share) * np.log2(1 - share)))
