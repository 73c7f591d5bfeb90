"""Random networks, and what they compute, in plain 64-bit integers."""

import numpy as np

from medcodec.entropy import IntegerConv, IntegerNetwork


def random_conv(random, inputs, outputs, size, *, low=0, high=255, shift=None, largest=127):
    shift = int(random.integers(0, 32)) if shift is None else shift
    return IntegerConv(
        weight=random.integers(
            -largest - (largest == 127), largest + 1, (outputs, inputs, size, size), np.int8
        ),
        bias=random.integers(-100_000, 100_000, outputs, np.int32),
        multiplier=random.integers(1, (1 << 15) + 1, outputs, np.int32),
        shift=shift,
        low=low,
        high=high,
    )


def random_network(random, channels, sizes, *, signed=True, shift=20, last_shift=12, largest=127):
    layers = []
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        low, high = (-(1 << 15), (1 << 15) - 1) if last else (0, 255)
        wanted = last_shift if last else shift
        layers.append(
            random_conv(
                random,
                channels[number],
                channels[number + 1],
                size,
                low=low,
                high=high,
                shift=wanted,
                largest=largest,
            )
        )
    return IntegerNetwork(layers, input_low=-128 if signed else 0, input_high=127 if signed else 255)


def random_input(random, network, height, width, planes=None):
    shape = (network.inputs, height, width) if planes is None else (planes, network.inputs, height, width)
    return random.integers(network.input_low, network.input_high + 1, shape, np.int16)


def reference(network, x):
    """What a network gives for (inputs, height, width)."""
    x = x.astype(np.int64)
    for layer in network.layers:
        edge = layer.size // 2
        padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge)))
        total = np.zeros((layer.outputs, *x.shape[1:]), np.int64) + layer.bias[:, None, None]
        for i in range(layer.size):
            for j in range(layer.size):
                part = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
                total += np.einsum("oc,chw->ohw", layer.weight[:, :, i, j].astype(np.int64), part)
        scaled = (total * layer.multiplier[:, None, None] + (1 << layer.shift >> 1)) >> layer.shift
        x = np.clip(scaled, layer.low, layer.high)
    return x
