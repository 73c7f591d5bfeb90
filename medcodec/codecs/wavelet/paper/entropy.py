"""Rounding that lets gradients through, and how many bits a symbol takes under a model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# As published: no symbol is held for rarer than this, so none costs more than 16.6 bits.
_PROBABILITY_FLOOR = 1e-5
_SCALE_RANGE = (1e-5, 1e10)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return gradient


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, values: Tensor, bound: float) -> Tensor:
        return values.clamp(-bound, bound)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _AtLeast(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, bound: float) -> Tensor:
        context.save_for_backward(values >= bound)
        return values.clamp_min(bound)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (inside,) = context.saved_tensors
        # A value below the bound may still rise.
        return gradient * (inside | (gradient < 0)), None


def straight_round(values: Tensor) -> Tensor:
    """Round; the gradient passes unchanged."""
    return _Round.apply(values)


def straight_clamp(values: Tensor, bound: float) -> Tensor:
    """Clamp to [-bound, bound]; the gradient passes unchanged."""
    return _Clamp.apply(values, bound)


def at_least(values: Tensor, bound: float) -> Tensor:
    """Clamp from below; the gradient passes where it would raise a value that is too small."""
    return _AtLeast.apply(values, bound)


def with_noise(values: Tensor) -> Tensor:
    """Add uniform noise of one quantisation step, which stands for rounding in training."""
    return values + torch.empty_like(values).uniform_(-0.5, 0.5)


def laplace_bits(residual: Tensor, scale: Tensor) -> Tensor:
    """Return the bits of each symbol under a Laplace distribution around zero, same shape."""
    scale = scale.clamp(*_SCALE_RANGE)
    return _bits(_laplace_below(residual + 0.5, scale) - _laplace_below(residual - 0.5, scale))


def _laplace_below(values: Tensor, scale: Tensor) -> Tensor:
    return 0.5 - 0.5 * values.sign() * torch.expm1(-values.abs() / scale)


def _bits(probability: Tensor) -> Tensor:
    return (-torch.log2(probability + _PROBABILITY_FLOOR)).clamp_min(0)


class ChannelDensity(nn.Module):
    """A learned distribution per channel, independent of everything else (for the hyperprior).

    Parameters
    ----------
    channels
        How many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_DensityStage(channels, last=stage == 3) for stage in range(4))

    def bits(self, symbols: Tensor) -> Tensor:
        """Return the bits of each symbol, same shape (N, channels, H, W)."""
        return _bits(self._below(symbols + 0.5) - self._below(symbols - 0.5))

    def _below(self, values: Tensor) -> Tensor:
        for stage in self.stages:
            values = stage(values)
        return values.sigmoid()


class _DensityStage(nn.Module):
    def __init__(self, channels: int, *, last: bool) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.empty(1, channels, 1, 1).normal_(0, 0.01))
        self.offset = nn.Parameter(torch.empty(1, channels, 1, 1).normal_(0, 0.01))
        self.bend = None if last else nn.Parameter(torch.empty(1, channels, 1, 1).normal_(0, 0.01))

    def forward(self, values: Tensor) -> Tensor:
        values = values * functional.softplus(self.slope) + self.offset
        return values if self.bend is None else values + values.tanh() * self.bend.tanh()
