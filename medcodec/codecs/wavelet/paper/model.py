"""pMCTF-L: a dyadic temporal wavelet transform along motion, whose frames are coded by pWave++."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from medcodec.codecs.wavelet.paper.flow import SpyNet, resize
from medcodec.codecs.wavelet.paper.motion import CodedMotion, MotionState
from medcodec.codecs.wavelet.paper.quality import Quality, check_quality, interpolate
from medcodec.codecs.wavelet.paper.subbands import SubbandCoder
from medcodec.codecs.wavelet.paper.temporal import TemporalLevel
from medcodec.errors import OptionError, UnsupportedDataError

PEAK = 255.0
BIT_PARTS = ("low", "high", "motion_latent", "motion_hyper")
_BLOCK = 128
_INITIAL_DEVIATION = 0.02


@dataclass(frozen=True)
class Estimate:
    """What coding a group would give; all of it differentiable.

    Parameters
    ----------
    reconstruction
        Decoded frames, shape (N, T, H, W), not clipped.
    bits
        Per part (`BIT_PARTS`), the bits of each frame, shape (N, T); zero where a frame has no such part.
    prediction_error
        Mean squared error of each frame's motion-compensated prediction, shape (N, T); zero for the key
        frame.
    """

    reconstruction: Tensor
    bits: dict[str, Tensor]
    prediction_error: Tensor

    @property
    def total_bits(self) -> Tensor:
        """Bits of each frame, all parts together, shape (N, T)."""
        return torch.stack(tuple(self.bits.values())).sum(0)


@dataclass
class _Group:
    """A group in work: frames are replaced in place by what they become."""

    frames: list[Tensor]
    flows: dict[int, Tensor] = field(default_factory=dict)
    amounts: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    def stacked(self, part: str) -> Tensor:
        zeros = self.frames[0].new_zeros(len(self.frames[0]))
        return torch.stack([self.amounts.get((part, at), zeros) for at in range(len(self.frames))], 1)


class PaperWavelet(nn.Module):
    """The published model: one coder for lowpass and one for highpass frames, and dedicated temporal levels.

    Parameters
    ----------
    levels
        Temporal levels with filters and motion coders of their own; further levels share the last one's. The
        published model has 3 (groups of 8 frames); its training for groups of 16 adds a fourth.
    lossless
        The reversible form: whole numbers throughout, no quantisation, no post-filter.
    """

    def __init__(self, *, levels: int = 3, lossless: bool = False) -> None:
        super().__init__()
        if levels < 1:
            msg = f"levels is {levels}; a model has at least one temporal level"
            raise OptionError(msg)
        self.low = SubbandCoder(lossless=lossless)
        self.high = SubbandCoder(lossless=lossless)
        self.flow = SpyNet()
        self.levels = nn.ModuleList(TemporalLevel(lossless=lossless) for _ in range(levels))
        for module in self.modules():
            # The kernels of the lifting are not square: they keep CDF 9/7.
            if isinstance(module, nn.Conv2d) and module.kernel_size[0] == module.kernel_size[1]:
                nn.init.normal_(module.weight, std=_INITIAL_DEVIATION)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        group: Tensor,
        q: Quality,
        *,
        first_level: int = 0,
        layer_scale: bool = True,
        motion_downsampling: int = 1,
    ) -> Estimate:
        """Code a group of frames.

        Parameters
        ----------
        group
            Values 0..255, shape (N, T, H, W); T is a power of two, H and W are free (zeros are padded on).
        q
            Quality index from 0 to 20, any real number between; one for all or shape (N,).
        first_level
            The temporal level whose filters the first decomposition uses: training on frames further apart
            stands for later levels.
        layer_scale
            Whether scales depend on the temporal level (equation 2).
        motion_downsampling
            Motion is estimated and coded at this fraction of the size (1, 2, 4 or 8).

        Raises
        ------
        UnsupportedDataError
            If the group has not four dimensions, or its frames are not a power of two.
        OptionError
            If q or motion_downsampling is out of range.
        """
        check_quality(q)
        _check_group(group)
        height, width = group.shape[-2:]
        padded = _padded(group.to(self.low.detail_scale.dtype), motion_downsampling)
        work = _Group(list(padded.split(1, 1)))
        self._decompose(
            work, q, first_level=first_level, layer_scale=layer_scale, downsampling=motion_downsampling
        )
        work.frames[0], work.amounts["low", 0] = self.low(work.frames[0], q)
        self._compose(work, first_level)
        return Estimate(
            reconstruction=torch.cat(work.frames, 1)[:, :, :height, :width],
            bits={part: work.stacked(part) for part in BIT_PARTS},
            prediction_error=work.stacked("prediction_error"),
        )

    def part_parameters(self, part: str) -> Iterator[nn.Parameter]:
        """Yield the parameters that a training stage changes.

        Parameters
        ----------
        part
            "motion" or "mctf": motion coders and temporal filters, as in the published training code (the
            paper names motion coders alone for the first stages); "all": everything but the flow network.

        Raises
        ------
        OptionError
            If there is no such part.
        """
        if part in ("motion", "mctf"):
            for level in self.levels:
                yield from level.motion.parameters()
                yield from level.predict.parameters()
                yield from level.update.parameters()
        elif part == "all":
            fixed = set(self.flow.parameters())
            yield from (parameter for parameter in self.parameters() if parameter not in fixed)
        else:
            msg = f"no part {part!r} to train; there are motion, mctf, all"
            raise OptionError(msg)

    def copy_level(self, source: int, *, first: int) -> None:
        """Let the temporal levels from `first` on start as copies of another, all but their layer scales."""
        copied = {
            name: values for name, values in self.levels[source].state_dict().items() if name != "layer_scale"
        }
        for level in self.levels[first:]:
            level.load_state_dict(copied, strict=False)

    def _level(self, stage: int) -> TemporalLevel:
        level: TemporalLevel = self.levels[min(stage, len(self.levels) - 1)]
        return level

    def _decompose(
        self, work: _Group, q: Quality, *, first_level: int, layer_scale: bool, downsampling: int
    ) -> None:
        for stage, step in _stages(len(work.frames)):
            level = self._level(first_level + stage)
            scale = interpolate(level.layer_scale, q) if layer_scale else None
            state: MotionState | None = None
            for at in range(0, len(work.frames), 2 * step):
                reference, frame = work.frames[at], work.frames[at + step]
                motion = self._motion(level, (frame, reference), q, state, downsampling)
                state = motion.state
                work.flows[at + step] = motion.flow
                work.amounts["motion_latent", at + step] = motion.latent_bits
                work.amounts["motion_hyper", at + step] = motion.hyper_bits
                low, high = level.analyse(reference, frame, motion.flow)
                work.amounts["prediction_error", at + step] = high.square().mean((1, 2, 3))
                work.frames[at] = low
                work.frames[at + step], work.amounts["high", at + step] = self.high(high, q, scale)

    def _motion(
        self,
        level: TemporalLevel,
        pair: tuple[Tensor, Tensor],
        q: Quality,
        state: MotionState | None,
        downsampling: int,
    ) -> CodedMotion:
        pictures = [frame / PEAK for frame in pair]
        if downsampling > 1:
            pictures = [resize(picture, 1 / downsampling) for picture in pictures]
        motion: CodedMotion = level.motion(self.flow(*pictures), q, state)
        if downsampling > 1:
            return motion._replace(flow=resize(motion.flow, downsampling) * downsampling)
        return motion

    def _compose(self, work: _Group, first_level: int) -> None:
        for stage, step in reversed(_stages(len(work.frames))):
            level = self._level(first_level + stage)
            for at in range(0, len(work.frames), 2 * step):
                work.frames[at], work.frames[at + step] = level.synthesise(
                    work.frames[at], work.frames[at + step], work.flows[at + step]
                )


def _stages(frames: int) -> list[tuple[int, int]]:
    """Return pairs of stage and distance of the frames that it pairs."""
    return [(stage, 1 << stage) for stage in range(frames.bit_length() - 1)]


def _check_group(group: Tensor) -> None:
    if group.ndim != 4 or not group.numel():
        msg = f"a group has shape (N, T, H, W) without zeros, not {tuple(group.shape)}"
        raise UnsupportedDataError(msg)
    frames = group.shape[1]
    if frames & (frames - 1):
        msg = f"a group has {frames} frames; levels halve it, so give a power of two (1, 2, 4, 8, 16, 32)"
        raise UnsupportedDataError(msg)


def _padded(group: Tensor, motion_downsampling: int) -> Tensor:
    if motion_downsampling not in (1, 2, 4, 8):
        msg = f"motion_downsampling is {motion_downsampling}; give 1, 2, 4 or 8"
        raise OptionError(msg)
    # Motion at a quarter or an eighth still needs multiples of 64.
    block = _BLOCK * max(1, motion_downsampling // 2)
    height, width = group.shape[-2:]
    return functional.pad(group, (0, -width % block, 0, -height % block))
