"""Convolutional blocks that several parts share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution, padded with zeros so that the size stays (or is divided by the stride)."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups)


def upsampling_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 1x1 convolution to four times the channels, shuffled to twice the height and width."""
    return nn.Sequential(conv(inputs, 4 * outputs, 1), nn.PixelShuffle(2))


class Residual(nn.Module):
    """Two convolutions beside a direct path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels)
        self.conv2 = conv(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return features + self.conv2(functional.leaky_relu(self.conv1(features), 0.2))


class MaskedConv(nn.Conv2d):
    """A 3x3 convolution that sees only what was decoded before, in raster order.

    Parameters
    ----------
    inputs, outputs
        Channels.
    see_centre
        Whether the place itself counts as decoded (features of layers behind the first).
    """

    def __init__(self, inputs: int, outputs: int, *, see_centre: bool) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        mask = torch.ones_like(self.weight)
        mask[:, :, 1, 1 + see_centre :] = 0
        mask[:, :, 2] = 0
        self.register_buffer("mask", mask)

    def forward(self, values: Tensor) -> Tensor:
        """Return features of the same height and width."""
        return functional.conv2d(values, self.weight * self.mask, self.bias, padding=1)


class MaskedResidual(nn.Module):
    """Two masked convolutions beside a direct path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = MaskedConv(channels, channels, see_centre=True)
        self.conv2 = MaskedConv(channels, channels, see_centre=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return features + self.conv2(functional.leaky_relu(self.conv1(features), 0.2))


class _DepthConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.expand = conv(inputs, inputs, 1)
        self.depth = conv(inputs, inputs, groups=inputs)
        self.project = conv(inputs, outputs, 1)
        self.adaptor = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.expand(features), 0.01)
        return self.adaptor(features) + self.project(self.depth(inner))


class _FeedForward(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(min(4 * channels, 1024), 2 * channels)
        self.widen = conv(channels, inner, 1)
        self.narrow = conv(inner, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.leaky_relu(self.widen(features), 0.1)
        return features + functional.leaky_relu(self.narrow(inner), 0.1)


class _TwoSlopes(nn.Module):
    """A feed-forward block whose inner channels are the sum of two halves with other slopes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = conv(channels, 4 * channels, 1)
        self.join = conv(2 * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        steep, flat = self.split(features).chunk(2, 1)
        inner = functional.leaky_relu(steep, 0.1) + functional.leaky_relu(flat, 0.01)
        return features + self.join(inner)


def depth_block(inputs: int, outputs: int, *, two_slopes: bool = False) -> nn.Sequential:
    """Return a depth-wise convolution and a feed-forward block, both beside direct paths."""
    forward = _TwoSlopes(outputs) if two_slopes else _FeedForward(outputs)
    return nn.Sequential(_DepthConv(inputs, outputs), forward)


class Downsample(nn.Module):
    """Two convolutions, the first with stride 2, beside a direct path."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = conv(inputs, outputs, stride=2)
        self.conv2 = conv(outputs, outputs)
        self.shrink = conv(inputs, outputs, 1, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of half the height and width."""
        inner = self.conv2(functional.leaky_relu(self.conv1(features), 0.01))
        return self.shrink(features) + functional.leaky_relu(inner, 0.1)


class Upsample(nn.Module):
    """An upsampling convolution and a plain one, beside a direct path."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.enlarge = upsampling_conv(inputs, outputs)
        self.conv = conv(outputs, outputs)
        self.grow = upsampling_conv(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of twice the height and width."""
        inner = self.conv(functional.leaky_relu(self.enlarge(features), 0.01))
        return self.grow(features) + functional.leaky_relu(inner, 0.1)
