"""Integer networks in PyTorch: the same integers on any device, and training that ends in them.

`TorchIntegerNetwork` evaluates an `IntegerNetwork`. `QuantisedNetwork` is trained, first in floating point,
then with weights and activations rounded as they will be (gradients pass through the rounding), and is
exported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from medcodec.entropy.network import MAX_MULTIPLIER, MAX_SHIFT, IntegerConv, IntegerNetwork
from medcodec.errors import MissingDependencyError, OptionError

try:
    import torch
    from torch import nn
except ImportError as missing:
    msg = 'training needs PyTorch: install it with pip install "medcodec[torch]"'
    raise MissingDependencyError(msg) from missing

# Up to this shift the native kernels requantise bytes faster; multipliers should be precise, too.
_FAST_SHIFT = 22
_PRECISE_MULTIPLIER = 1 << 11
# Scales of a layer's weights differ by no more than this, so that multipliers of one shift serve all.
_SCALE_RATIO = 64
_LARGEST_BIAS = 1 << 22
# What lies between layers, and what comes out of the last one.
_SPAN = (0, 255)
_LAST_SPAN = (-(1 << 15), (1 << 15) - 1)


class TorchIntegerNetwork(nn.Module):
    """An `IntegerNetwork` as a module without parameters.

    On a CPU the convolutions are in single precision, which is exact by the network's bound in any order of
    summation. GPUs may transform (Winograd) or shorten numbers, so there they are in double precision and
    rounded to integers. Automatic casts are off inside.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        super().__init__()
        self.network = network
        for number, layer in enumerate(network.layers):
            for name in ("weight", "bias", "multiplier"):
                values = torch.from_numpy(getattr(layer, name).astype(np.float32))
                self.register_buffer(f"{name}_{number}", values, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return integers, in int32.

        Parameters
        ----------
        x
            Integers within the network's range in any dtype, shape ``(planes, inputs, height, width)``.
        """
        exact = torch.float64 if x.device.type in ("cuda", "xpu") else torch.float32
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(exact)
            for number, layer in enumerate(self.network.layers):
                weight, bias, multiplier = self._of_layer(number, exact)
                total = nn.functional.conv2d(x, weight, bias, padding=layer.size // 2).round().to(torch.int64)
                scaled = (
                    total * multiplier[:, None, None].to(torch.int64) + (1 << layer.shift >> 1)
                ) >> layer.shift
                x = scaled.clamp(layer.low, layer.high).to(exact)
        return x.to(torch.int32)

    def _of_layer(self, number: int, dtype: torch.dtype) -> list[torch.Tensor]:
        return [self.get_buffer(f"{name}_{number}").to(dtype) for name in ("weight", "bias", "multiplier")]


class _RoundHalfUp(torch.autograd.Function):
    """Rounding that lets gradients pass as if it were not there."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return (x + 0.5).floor_()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return gradient


class _Requantise(torch.autograd.Function):
    """``round(clamp(sums * factor + offset, low, high))``, in few passes over memory.

    Gradients pass through the rounding, and stop where the result is clamped.
    """

    @staticmethod
    def forward(
        ctx: Any, sums: torch.Tensor, factor: torch.Tensor, offset: torch.Tensor, span: tuple[int, int]
    ) -> torch.Tensor:
        low, high = span
        exact = torch.mul(sums, factor[:, None, None]).float().add_(offset[:, None, None])
        inside = (exact > low) & (exact < high)
        ctx.save_for_backward(sums, factor, inside)
        # Units are whole numbers up to 256 in between, which 16 bits hold exactly.
        dtype = sums.dtype if high <= 256 else torch.float32
        return exact.add_(0.5).floor_().clamp_(low, high).to(dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        sums, factor, inside = ctx.saved_tensors
        passed = gradient * inside
        over = (0, 2, 3)
        of_factor = (passed * sums).sum(over, dtype=torch.float32)
        of_offset = passed.sum(over, dtype=torch.float32)
        return (passed * factor[:, None, None]).to(sums.dtype), of_factor, of_offset, None


class QuantisedConv(nn.Conv2d):
    """A convolution whose weights can be rounded to signed bytes, with one scale per output channel."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2)

    def weight_scales(self, input_scale: torch.Tensor | float) -> torch.Tensor:
        """Return the real value of one unit of weight, shape ``(outputs,)``, for that of one unit of input.

        Channels whose bias is far above their weights get coarser ones, so that sums stay exact.
        """
        with torch.no_grad():
            largest = self.weight.abs().amax(dim=(1, 2, 3)).float()
            scales = torch.maximum(largest, largest.max() / _SCALE_RATIO) / 127
            return torch.maximum(scales, self.bias.abs() / input_scale / _LARGEST_BIAS).clamp(min=1e-12)

    def integer_weight(self, scales: torch.Tensor) -> torch.Tensor:
        """Return the weights in units of ``scales``, rounded; gradients pass."""
        rounded: torch.Tensor = _RoundHalfUp.apply(self.weight / scales[:, None, None, None])
        return rounded.clamp(-127, 127)

    def sums(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the convolution without its bias, in single precision or what autocast makes of it."""
        return nn.functional.conv2d(x, weight, padding=self.padding)


class QuantisedNetwork(nn.Module):
    """A chain of convolutions with rectified activations between, trained to become an `IntegerNetwork`.

    Parameters
    ----------
    channels
        Of the inputs, of what is between layers, and of the outputs.
    sizes
        Of the kernels, 1 or 3: one less than ``channels``.
    input_low, input_high
        Range of the inputs, which are integers.
    input_scale
        Real value of one unit of input.
    output_scale
        Real value of one unit of output, for example ``1 / 16``; a power of two makes real outputs exact.
    """

    peaks: torch.Tensor

    def __init__(
        self,
        channels: Sequence[int],
        sizes: Sequence[int],
        *,
        input_low: int,
        input_high: int,
        input_scale: float,
        output_scale: float,
    ) -> None:
        super().__init__()
        self.input_low, self.input_high = input_low, input_high
        self.input_scale, self.output_scale = input_scale, output_scale
        pairs = zip(channels[:-1], channels[1:], sizes, strict=True)
        self.convs = nn.ModuleList(QuantisedConv(*pair) for pair in pairs)
        self.quantised = False
        # Logarithms of the real values of one unit between layers; tracked in floating point, then learned.
        self.log_scales = nn.Parameter(torch.zeros(len(self.convs) - 1))
        self.register_buffer("peaks", torch.zeros(len(self.convs) - 1))

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.convs[0].weight.shape[1])

    def quantise(self, on: bool) -> QuantisedNetwork:
        """Switch rounding on or off; switched on first, scales start at the peaks seen in training so far.

        Raises
        ------
        OptionError
            If the network has not been trained in floating point before.
        """
        if on and len(self.convs) > 1 and not self.log_scales.any():
            if not self.peaks.all():
                msg = (
                    "rounding starts at scales seen in floating point: train some steps before quantise(True)"
                )
                raise OptionError(msg)
            with torch.no_grad():
                self.log_scales.copy_((self.peaks / 255).log())
        self.quantised = on
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return real outputs, shape ``(planes, outputs, height, width)``.

        Evaluated with rounding on, they are exactly the exported network's integers times ``output_scale``.

        Parameters
        ----------
        x
            Integers within the input range in a floating dtype, shape ``(planes, inputs, height, width)``.
        """
        if self.quantised and not self.training:
            return TorchIntegerNetwork(self.export()).to(x.device)(x) * self.output_scale
        x = x.contiguous(memory_format=torch.channels_last)
        return self._rounded_forward(x) if self.quantised else self._float_forward(x)

    def _float_forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.input_scale
        for number, conv in enumerate(self.convs):
            x = conv.sums(x, conv.weight) * scale + conv.bias[:, None, None]
            scale = 1.0
            if number < len(self.convs) - 1:
                x = x.relu()
                self._track(number, x)
        return x

    def _track(self, number: int, x: torch.Tensor) -> None:
        if not self.training:
            return
        with torch.no_grad():
            peak, old = x.amax().float(), self.peaks[number]
            self.peaks[number] = torch.where(old > 0, old + 0.05 * (peak - old), peak)

    def _rounded_forward(self, x: torch.Tensor) -> torch.Tensor:
        scale: torch.Tensor | float = self.input_scale
        last = len(self.convs) - 1
        for number, conv in enumerate(self.convs):
            weight_scales = conv.weight_scales(scale)
            sums = conv.sums(x, conv.integer_weight(weight_scales))
            unit = self.output_scale if number == last else self._unit(number, sums.numel())
            span = _LAST_SPAN if number == last else _SPAN
            x = _Requantise.apply(sums, weight_scales * scale / unit, conv.bias / unit, span)
            scale = unit
        return x * self.output_scale

    def _unit(self, number: int, count: int) -> torch.Tensor:
        """Return the real value of one unit after a layer; its gradient is made small: it sums over all."""
        log_scale = self.log_scales[number]
        share = (255 * count) ** -0.5
        return (log_scale * share + (log_scale * (1 - share)).detach()).exp()

    def export(self) -> IntegerNetwork:
        """Return the integer network that evaluation with rounding on computes.

        Raises
        ------
        FormatError
            If sums might reach ``2**24``.
        """
        scale, layers = self.input_scale, []
        with torch.no_grad():
            units = [float(value) for value in self.log_scales.double().exp()] + [self.output_scale]
            for number, (conv, unit) in enumerate(zip(self.convs, units, strict=True)):
                layers.append(_exported(conv, scale, unit, last=number == len(self.convs) - 1))
                scale = unit
        return IntegerNetwork(layers, input_low=self.input_low, input_high=self.input_high)


@contextmanager
def in_floating_point(networks: Iterable[QuantisedNetwork]) -> Iterator[None]:
    """Evaluate networks without rounding of weights and activations, to see what rounding costs."""
    before = [(network, network.quantised) for network in networks]
    try:
        for network, _ in before:
            network.quantise(False)
        yield
    finally:
        for network, quantised in before:
            network.quantise(quantised)


def _exported(conv: QuantisedConv, scale: float, unit: float, *, last: bool) -> IntegerConv:
    weight_scales = conv.weight_scales(scale)
    weight = conv.integer_weight(weight_scales).to(torch.int8).cpu().numpy()
    real = weight_scales.double().cpu() * scale
    factors = real / unit
    shift = _shift(float(factors.max()), fast=not last)
    multiplier = (factors * 2**shift).round().clamp(1, MAX_MULTIPLIER).to(torch.int32)
    bias = (conv.bias.double().cpu() / real).round().clamp(-(1 << 24), 1 << 24).to(torch.int32)
    span = _LAST_SPAN if last else _SPAN
    return IntegerConv(weight, bias.numpy(), multiplier.numpy(), shift, *span)


def _shift(factor: float, *, fast: bool) -> int:
    """Return the shift for multipliers of ``factor``: as large as they allow, or ``fast`` if enough."""
    shift = 0
    while shift < MAX_SHIFT and round(factor * 2 ** (shift + 1)) <= MAX_MULTIPLIER:
        shift += 1
    enough = fast and factor * 2**_FAST_SHIFT >= _PRECISE_MULTIPLIER
    return min(shift, _FAST_SHIFT) if enough else shift
