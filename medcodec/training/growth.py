"""Larger networks that begin where trained integer networks end."""

from __future__ import annotations

import torch

from medcodec.entropy.network import IntegerConv, IntegerNetwork
from medcodec.errors import OptionError
from medcodec.training.integer import QuantisedConv, QuantisedNetwork

# Real value of one unit between layers: any will do, for activations are rectified.
_UNIT = 1 / 32


def grow(network: QuantisedNetwork, start: IntegerNetwork) -> None:
    """Make a network compute what a trained one does, but for rounding, and round from the beginning.

    New channels keep their first weights, and count for nothing as yet; new layers, before the last one, pass
    on what they are given.

    Raises
    ------
    OptionError
        If the trained network does not fit into this one.
    """
    convs = [conv for conv in network.convs if isinstance(conv, QuantisedConv)]
    layers = [*start.layers[:-1], *[None] * (len(convs) - len(start.layers)), start.layers[-1]]
    if len(layers) != len(convs) or not all(map(_fits, convs, layers)):
        msg = "the model to start from has larger networks than are asked for, or other kernels"
        raise OptionError(msg)
    unit, width = network.input_scale, 0
    with torch.no_grad():
        for number, (conv, layer) in enumerate(zip(convs, layers, strict=True)):
            result = network.output_scale if number == len(convs) - 1 else _UNIT
            if layer is None:
                _pass_on(conv, width)
            else:
                width = _take_over(conv, layer, unit, result)
            unit = result
        network.log_scales.fill_(_UNIT).log_()
        network.peaks.fill_(255 * _UNIT)
    network.quantise(True)


def _fits(conv: QuantisedConv, layer: IntegerConv | None) -> bool:
    if layer is None:
        return True
    outputs, inputs, size = conv.out_channels, conv.in_channels, conv.kernel_size[0]
    return bool(layer.outputs <= outputs and layer.inputs <= inputs and layer.size == size)


def _take_over(conv: QuantisedConv, layer: IntegerConv, unit: float, result: float) -> int:
    factors = torch.tensor(layer.multiplier).double() * result / 2.0**layer.shift
    weight = torch.tensor(layer.weight).double() * factors[:, None, None, None] / unit
    conv.weight[: layer.outputs] = 0
    conv.weight[: layer.outputs, : layer.inputs] = weight.float()
    conv.bias[: layer.outputs] = (torch.tensor(layer.bias).double() * factors).float()
    return layer.outputs


def _pass_on(conv: QuantisedConv, width: int) -> None:
    conv.weight[:width] = 0
    conv.bias[:width] = 0
    middle = conv.weight.shape[-1] // 2
    for channel in range(width):
        conv.weight[channel, channel, middle, middle] = 1
