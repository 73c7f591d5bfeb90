"""Models of a subband's coefficients, given what was coded before: where the paper's rate comes from."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from medcodec.codecs.wavelet.paper.blocks import MaskedConv, MaskedResidual, Residual, conv, depth_block
from medcodec.codecs.wavelet.paper.entropy import straight_round
from medcodec.codecs.wavelet.paper.lifting import DETAILS, LEVELS

LOWPASS_CHANNELS = 128
DETAIL_CHANNELS = 112
_MEMORY_CHANNELS = 32

# Rows and columns, modulo 2, of what each of the four steps codes.
STEPS = ((0, 0), (0, 1), (1, 0), (1, 1))


class Coded(NamedTuple):
    """A coded subband, all of shape (N, 1, H, W), in units of its quantisation step."""

    decoded: Tensor
    residual: Tensor
    scale: Tensor


def step_masks(like: Tensor) -> list[Tensor]:
    """Return, for each of `STEPS`, ones where it codes and zeros elsewhere, shape (H, W) of a tensor."""
    masks = []
    for row, column in STEPS:
        mask = like.new_zeros(like.shape[-2:])
        mask[row::2, column::2] = 1
        masks.append(mask)
    return masks


class LowpassModel(nn.Module):
    """Autoregressive model of the LL subband: masked convolutions over what comes before in raster order."""

    def __init__(self) -> None:
        super().__init__()
        channels = LOWPASS_CHANNELS
        self.enter = MaskedConv(1, channels, see_centre=False)
        self.residuals = nn.ModuleList(MaskedResidual(channels) for _ in range(2))
        self.leave = MaskedConv(channels, channels, see_centre=True)
        self.heads = nn.ModuleList(conv(channels, outputs, 1) for outputs in (channels, channels, 2))

    def forward(self, values: Tensor) -> Coded:
        """Code a subband, shape (N, 1, H, W), in units of its step."""
        decoded = straight_round(values)
        entered = self.enter(decoded)
        features = entered
        for residual in self.residuals:
            features = residual(features)
        features = functional.leaky_relu(self.leave(features + entered), 0.2)
        for head in self.heads[:-1]:
            features = functional.leaky_relu(head(features), 0.2)
        scale, mean = self.heads[-1](features).chunk(2, 1)
        return Coded(decoded, decoded - mean, scale)


class DetailModel(nn.Module):
    """Four-step model of a subband that is not LL.

    Parameters
    ----------
    coarser
        Whether the same subband of the next coarser level is seen too.
    """

    def __init__(self, *, coarser: bool) -> None:
        super().__init__()
        channels = DETAIL_CHANNELS
        self.coarser = conv(1, 1) if coarser else None
        self.context = conv(2 if coarser else 1, channels)
        self.features = nn.Sequential(Residual(channels), Residual(channels))
        self.first = depth_block(channels, 2)
        self.seen = nn.ModuleList(nn.Sequential(conv(1, channels), Residual(channels)) for _ in STEPS[1:])
        self.heads = nn.ModuleList(
            nn.Sequential(Residual(channels), Residual(channels), conv(channels, 2, 1)) for _ in STEPS[1:]
        )

    def forward(self, values: Tensor, *, memory: Tensor, coarser: Tensor | None, lossless: bool) -> Coded:
        """Code a subband.

        Parameters
        ----------
        values
            In units of its step, shape (N, 1, H, W).
        memory
            The channel of the long-term memory that is for this subband, shape (N, 1, H, W).
        coarser
            The decoded subband of the next coarser level, shape (N, 1, H / 2, W / 2), if the model takes one.
        lossless
            Whether means are whole numbers.
        """
        known = memory
        if self.coarser is not None:
            enlarged = functional.interpolate(coarser, scale_factor=2, mode="nearest")
            known = torch.cat([memory, self.coarser(enlarged)], 1)
        features = self.features(self.context(known))
        parameters = self.first(features)
        decoded = residual = scale = torch.zeros_like(values)
        for step, mask in enumerate(step_masks(values)):
            if step:
                parameters = self.heads[step - 1](self.seen[step - 1](decoded) + features)
            spread, mean = parameters.chunk(2, 1)
            mean = (straight_round(mean) if lossless else mean) * mask
            symbols = straight_round((values - mean) * mask)
            decoded = decoded + symbols + mean
            residual = residual + symbols
            scale = scale + spread * mask
        return Coded(decoded, residual, scale)


class _Memory(nn.Module):
    """A convolutional LSTM whose gates share one pre-activation."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.enter = conv(inputs, channels)
        self.recur = conv(channels, channels)

    def forward(self, seen: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        hidden, cell = state
        mixed = self.enter(seen) + self.recur(hidden)
        gate = mixed.sigmoid()
        cell = gate * cell + gate * mixed.tanh()
        return gate * cell.tanh(), cell


class LongTermMemory(nn.Module):
    """What all subbands coded so far say about the next, in one channel per kind of subband."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, _MEMORY_CHANNELS, _MEMORY_CHANNELS, len(DETAILS))
        self.cells = nn.ModuleList(_Memory(*pair) for pair in pairwise(widths))
        self.enlarge = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleDict({"hidden": conv(width, width), "cell": conv(width, width)})
                for width in widths[1:]
            )
            for _ in range(LEVELS - 1)
        )

    def start(self, lowpass: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the state before anything is coded, for planes of the size of the LL subband."""
        size = (len(lowpass), 1, *lowpass.shape[-2:])
        empty = [lowpass.new_zeros(size).repeat(1, cell.channels, 1, 1) for cell in self.cells]
        return [(zeros, zeros) for zeros in empty]

    def see(self, decoded: Tensor, state: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """Return the state after a subband, shape (N, 1, H, W); the last hidden state is the context."""
        after = []
        seen = decoded
        for cell, old in zip(self.cells, state, strict=True):
            new = cell(seen, old)
            after.append(new)
            seen = new[0]
        return after

    def grow(self, state: list[tuple[Tensor, Tensor]], level: int) -> list[tuple[Tensor, Tensor]]:
        """Return the state at twice the size, for the subbands of a finer level (0 is the finest)."""
        larger = []
        for (hidden, cell), convs in zip(state, self.enlarge[level], strict=True):
            larger.append((convs["hidden"](_double(hidden)), convs["cell"](_double(cell))))
        return larger


def _double(plane: Tensor) -> Tensor:
    return functional.interpolate(plane, scale_factor=2, mode="nearest")
