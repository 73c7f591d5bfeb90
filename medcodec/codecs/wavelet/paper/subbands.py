"""pWave++: the coder of one plane, a temporal lowpass or highpass frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medcodec.codecs.wavelet.paper.blocks import Residual, conv
from medcodec.codecs.wavelet.paper.context import Coded, DetailModel, LongTermMemory, LowpassModel
from medcodec.codecs.wavelet.paper.entropy import laplace_bits, straight_clamp
from medcodec.codecs.wavelet.paper.lifting import DETAILS, DYNAMIC_RANGE, LEVELS, SpatialLifting, Subbands
from medcodec.codecs.wavelet.paper.quality import Quality, interpolate

_GREATEST_LOSSY = 8192.0
_GREATEST_LOSSLESS = 32767.0
POST_CHANNELS = 64


class PostFilter(nn.Module):
    """A residual network that mends what quantisation did to a plane of values 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = conv(1, POST_CHANNELS)
        self.residuals = nn.Sequential(*(Residual(POST_CHANNELS) for _ in range(6)))
        self.merge = conv(POST_CHANNELS, POST_CHANNELS)
        self.leave = conv(POST_CHANNELS, 1)

    def forward(self, plane: Tensor) -> Tensor:
        """Return the mended plane, same shape (N, 1, H, W)."""
        entered = self.enter(plane)
        return plane + self.leave(self.merge(self.residuals(entered)) + entered)


class SubbandCoder(nn.Module):
    """Spatial transform, quantisation and context models of one kind of temporal subband.

    Parameters
    ----------
    lossless
        Whole numbers in and out, without quantisation and post-filter.
    """

    def __init__(self, *, lossless: bool = False) -> None:
        super().__init__()
        self.lossless = lossless
        self.lifting = SpatialLifting(lossless=lossless)
        self.memory = LongTermMemory()
        self.lowpass = LowpassModel()
        self.details = nn.ModuleList(
            nn.ModuleDict({band: DetailModel(coarser=level < LEVELS - 1) for band in DETAILS})
            for level in range(LEVELS)
        )
        self.post_filter = PostFilter()
        # QP_L and QP_H at q = 0 and q = 20: coefficients are multiplied by them, so a greater one is finer.
        self.lowpass_scale = nn.Parameter(torch.full((2, 1, 1, 1), 1 / 16))
        self.detail_scale = nn.Parameter(torch.full((2, 1, 1, 1), 1 / 16))

    def forward(self, plane: Tensor, q: Quality, layer_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Code a plane.

        Parameters
        ----------
        plane
            Values around 0..255, shape (N, 1, H, W), sizes multiples of 16 and at least 64.
        q
            Quality index.
        layer_scale
            Factor of all scales for this temporal layer (equation 2), shape (1 or N, 1, 1, 1); None for 1.

        Returns
        -------
        tuple[Tensor, Tensor]
            The decoded plane, and its bits, shape (N,).
        """
        scales = {band: self._scale(band, q, layer_scale) for band in ("ll", *DETAILS)}
        levels = self.lifting.analyse(plane)
        scaled = [
            {band: self._clamped(values * scales[band]) for band, values in bands.items()} for bands in levels
        ]
        decoded, bits = self._code(scaled)
        restored = [{band: values / scales[band] for band, values in bands.items()} for bands in decoded]
        result = self.lifting.synthesise(restored)
        if not self.lossless:
            result = self.post_filter(result / DYNAMIC_RANGE) * DYNAMIC_RANGE
        return result, bits

    def _scale(self, band: str, q: Quality, layer_scale: Tensor | None) -> Tensor:
        if self.lossless:
            return torch.ones_like(self.lowpass_scale[:1])
        scale = interpolate(self.lowpass_scale if band == "ll" else self.detail_scale, q)
        return scale if layer_scale is None else scale * layer_scale

    def _clamped(self, values: Tensor) -> Tensor:
        return straight_clamp(values, _GREATEST_LOSSLESS if self.lossless else _GREATEST_LOSSY)

    def _code(self, scaled: list[Subbands]) -> tuple[list[Subbands], Tensor]:
        """Return decoded subbands, still scaled, and bits: LL, then LH, HL, HH from coarse to fine."""
        coded = self.lowpass(scaled[-1]["ll"])
        bits = _total_bits(coded)
        decoded: list[Subbands] = [{} for _ in scaled]
        decoded[-1]["ll"] = coded.decoded
        state = self.memory.see(coded.decoded, self.memory.start(coded.decoded))
        for level in reversed(range(LEVELS)):
            for index, band in enumerate(DETAILS):
                coarser = decoded[level + 1][band] if level < LEVELS - 1 else None
                memory = state[-1][0][:, index : index + 1]
                coded = self.details[level][band](
                    scaled[level][band], memory=memory, coarser=coarser, lossless=self.lossless
                )
                bits = bits + _total_bits(coded)
                decoded[level][band] = coded.decoded
                state = self.memory.see(coded.decoded, state)
            if level:
                state = self.memory.grow(state, level - 1)
        return decoded, bits


def _total_bits(coded: Coded) -> Tensor:
    return laplace_bits(coded.residual, coded.scale).sum((1, 2, 3))
