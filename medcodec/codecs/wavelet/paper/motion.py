"""The coder of motion: autoencoder, hyperprior, a prior from the motion before, and four steps (DCVC-DC)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from medcodec.codecs.wavelet.paper.blocks import Downsample, Upsample, conv, depth_block, upsampling_conv
from medcodec.codecs.wavelet.paper.context import STEPS, Coded, step_masks
from medcodec.codecs.wavelet.paper.entropy import (
    ChannelDensity,
    at_least,
    laplace_bits,
    straight_round,
    with_noise,
)
from medcodec.codecs.wavelet.paper.quality import Quality, interpolate

CHANNELS = 64
# Step s codes, of channel quarter c, the places of mask c XOR _ORDER[s].
_ORDER = (0, 3, 2, 1)
_LEAST_STEP = 0.5


class MotionState(NamedTuple):
    """What the next motion of the same temporal level is coded with."""

    feature: Tensor
    latent: Tensor


class CodedMotion(NamedTuple):
    """A decoded flow, shape (N, 2, H, W), its bits, shape (N,), and what it leaves to the next."""

    flow: Tensor
    latent_bits: Tensor
    hyper_bits: Tensor
    state: MotionState


class MotionEncoder(nn.Module):
    """From a flow to its latent, 1/16 of the height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.to_half = nn.Sequential(Downsample(2, CHANNELS), depth_block(CHANNELS, CHANNELS))
        self.to_quarter = Downsample(CHANNELS, CHANNELS)
        self.alone = depth_block(CHANNELS, CHANNELS)
        self.joined = depth_block(2 * CHANNELS, CHANNELS)
        self.latent = nn.Sequential(
            Downsample(CHANNELS, CHANNELS),
            depth_block(CHANNELS, CHANNELS),
            conv(CHANNELS, CHANNELS, stride=2),
        )

    def forward(self, flow: Tensor, scale: Tensor, feature: Tensor | None) -> Tensor:
        """Return the latent; the feature is that of the motion before, 1/4 of the height and width."""
        inner = self.to_quarter(self.to_half(flow) * scale)
        inner = self.alone(inner) if feature is None else self.joined(torch.cat([inner, feature], 1))
        return self.latent(inner)


class MotionDecoder(nn.Module):
    """From a latent to the flow, and to a feature for the next motion."""

    def __init__(self) -> None:
        super().__init__()
        self.feature = nn.Sequential(
            depth_block(CHANNELS, CHANNELS),
            Upsample(CHANNELS, CHANNELS),
            depth_block(CHANNELS, CHANNELS),
            Upsample(CHANNELS, CHANNELS),
            depth_block(CHANNELS, CHANNELS),
        )
        self.to_half = Upsample(CHANNELS, CHANNELS)
        self.flow = nn.Sequential(depth_block(CHANNELS, CHANNELS), upsampling_conv(CHANNELS, 2))

    def forward(self, latent: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return flow and feature."""
        feature = self.feature(latent)
        return self.flow(self.to_half(feature) * scale), feature


class LatentPrior(nn.Module):
    """Steps, scales and means of the latent, from the hyperprior, the latent before, and four steps."""

    def __init__(self) -> None:
        super().__init__()
        self.alone = depth_block(CHANNELS, 2 * CHANNELS)
        self.joined = depth_block(2 * CHANNELS, 2 * CHANNELS)
        self.fuse = nn.Sequential(
            depth_block(2 * CHANNELS, 3 * CHANNELS), depth_block(3 * CHANNELS, 3 * CHANNELS)
        )
        self.adapt = nn.ModuleList(conv(4 * CHANNELS, 3 * CHANNELS, 1) for _ in STEPS[1:])
        self.spatial = nn.Sequential(
            depth_block(3 * CHANNELS, 3 * CHANNELS),
            depth_block(3 * CHANNELS, 3 * CHANNELS),
            depth_block(3 * CHANNELS, 2 * CHANNELS),
        )

    def forward(self, latent: Tensor, hyper: Tensor, previous: Tensor | None, *, noise: bool) -> Coded:
        """Code a latent, shape (N, 64, H, W).

        Parameters
        ----------
        latent
            Before quantisation.
        hyper
            What the hyperprior's decoder gives, same shape.
        previous
            The decoded latent of the motion before, same shape; None for the first of a level.
        noise
            Whether the residual that is counted is the unrounded one with noise (training).
        """
        known = self.alone(hyper) if previous is None else self.joined(torch.cat([hyper, previous], 1))
        common = self.fuse(known)
        step, spread, mean = common.chunk(3, 1)
        step = at_least(step, _LEAST_STEP)
        scaled = latent / step
        decoded = residual = scale = torch.zeros_like(latent)
        for index, mask in enumerate(_quarter_masks(latent)):
            if index:
                adapted = self.adapt[index - 1](torch.cat([decoded, common], 1))
                spread, mean = self.spatial(adapted).chunk(2, 1)
            exact = (scaled - mean) * mask
            symbols = straight_round(exact)
            decoded = decoded + symbols + mean * mask
            residual = residual + (exact if noise else symbols)
            scale = scale + spread * mask
        return Coded(decoded * step, with_noise(residual) if noise else residual, scale)


def _quarter_masks(latent: Tensor) -> list[Tensor]:
    masks = step_masks(latent)
    quarters = range(len(STEPS))
    return [
        torch.stack([masks[quarter ^ order] for quarter in quarters]).repeat_interleave(CHANNELS // 4, 0)
        for order in _ORDER
    ]


class MotionCoder(nn.Module):
    """The motion coder of one temporal level, with its own quality scales."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MotionEncoder()
        self.decoder = MotionDecoder()
        self.hyper_encoder = nn.Sequential(
            depth_block(CHANNELS, CHANNELS, two_slopes=True),
            conv(CHANNELS, CHANNELS, stride=2),
            nn.LeakyReLU(0.01),
            conv(CHANNELS, CHANNELS, stride=2),
        )
        self.hyper_decoder = nn.Sequential(
            Upsample(CHANNELS, CHANNELS),
            Upsample(CHANNELS, CHANNELS),
            depth_block(CHANNELS, CHANNELS, two_slopes=True),
        )
        self.hyper_density = ChannelDensity(CHANNELS)
        self.prior = LatentPrior()
        # s_enc and s_dec at q = 0 and q = 20.
        self.encoder_scale = nn.Parameter(torch.ones(2, 1, 1, 1))
        self.decoder_scale = nn.Parameter(torch.ones(2, 1, 1, 1))

    def forward(self, flow: Tensor, q: Quality, state: MotionState | None) -> CodedMotion:
        """Code a flow, shape (N, 2, H, W), sizes multiples of 64, after the motion that left the state."""
        feature, previous = state or (None, None)
        latent = self.encoder(flow, interpolate(self.encoder_scale, q), feature)
        hyper = self.hyper_encoder(latent)
        rounded = straight_round(hyper)
        coded = self.prior(latent, self.hyper_decoder(rounded), previous, noise=self.training)
        decoded, feature = self.decoder(coded.decoded, interpolate(self.decoder_scale, q))
        hyper_bits = self.hyper_density.bits(with_noise(hyper) if self.training else rounded)
        return CodedMotion(
            flow=decoded,
            latent_bits=laplace_bits(coded.residual, coded.scale).sum((1, 2, 3)),
            hyper_bits=hyper_bits.sum((1, 2, 3)),
            state=MotionState(feature, coded.decoded),
        )
