"""The networks of the wavelet codec in PyTorch, and what they are trained to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from medcodec import _native
from medcodec.codecs.wavelet.model import (
    CONTEXT_NAMES,
    ENHANCE,
    FUSE,
    MAX_ENHANCERS,
    POSTFILTER,
    STEPS,
    WaveletModel,
    current_model,
    model_of,
)
from medcodec.codecs.wavelet.quality import STEP_UNIT
from medcodec.errors import OptionError
from medcodec.training.config import ModelSettings
from medcodec.training.growth import grow
from medcodec.training.integer import QuantisedNetwork
from medcodec.training.wavelet_samples import CORNER, EDGE, OUTSIDE

_INPUT_SCALE = 1 / 32
_OUTPUT_SCALE = 1 / 256
# Features of what is known before the first step; those of the steps follow, magnitudes and then signed.
_KNOWN = 18
# A picture network's unit: half a step.
CORRECTION = 0.5
# Logits before training: most coefficients are zero, signs are even.
_FIRST_LOGITS = (-1.0, 0.0, -1.0, -0.5)


def build_networks(settings: ModelSettings) -> nn.ModuleDict:
    """Return all networks by the names they have in a `WaveletModel`, before training."""
    networks = nn.ModuleDict()
    for name in CONTEXT_NAMES:
        width = settings.context_channels
        channels = [settings.context_features, width, width, width, _native.SUBBAND_HEADS]
        networks[name] = _started(channels, [3, 3, 1, 1], _FIRST_LOGITS)
    narrow, wide = settings.picture_channels, settings.enhance_channels or settings.picture_channels
    networks[FUSE] = _picture_network(_native.FUSE_FEATURES, narrow, 4)
    start = model_of(current_model(settings.start)) if settings.start else None
    enhancers = {ENHANCE, *(f"{ENHANCE}-{name}" for name in settings.enhancers)}
    enhancers.update(() if start is None else start.enhancers)
    if len(enhancers) > MAX_ENHANCERS:
        msg = f"with those to start from there would be {len(enhancers)} networks that enhance, "
        msg += f"{', '.join(sorted(enhancers))}; {MAX_ENHANCERS} are possible"
        raise OptionError(msg)
    for name in sorted(enhancers):
        networks[name] = _picture_network(settings.enhance_features, wide, settings.enhance_layers)
    if settings.postfilter_layers:
        networks[POSTFILTER] = _picture_network(
            _native.POSTFILTER_FEATURES, narrow, settings.postfilter_layers
        )
    if start is not None:
        for name, network in networks.items():
            before = start.networks.get(name, start.networks.get(kind_of(name)))
            if before is not None:
                grow(network, before)
    return networks


def _picture_network(inputs: int, width: int, layers: int) -> QuantisedNetwork:
    return _started([inputs, *[width] * (layers - 1), 4], [3] * layers, (0.0,) * 4)


def _started(channels: list[int], sizes: list[int], bias: tuple[float, ...]) -> QuantisedNetwork:
    network = QuantisedNetwork(
        channels,
        sizes,
        input_low=-128,
        input_high=127,
        input_scale=_INPUT_SCALE,
        output_scale=_OUTPUT_SCALE,
    )
    *hidden, last = network.convs
    with torch.no_grad():
        for conv in hidden:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        last.weight.zero_()
        last.bias.copy_(torch.tensor(bias))
    return network


def export_model(networks: nn.ModuleDict | Mapping[str, QuantisedNetwork]) -> WaveletModel:
    """Return the integer networks.

    Raises
    ------
    FormatError
        If sums of a network are not proven exact.
    """
    return WaveletModel({name: network.export() for name, network in networks.items()})


def members(group: str) -> tuple[str, ...]:
    """Return the names of the networks of a group: those of "context", or the one of that name."""
    return CONTEXT_NAMES if group == "context" else (group,)


def kind_of(name: str) -> str:
    """Return which kind of samples a network is trained on."""
    return name.rpartition("-")[0] if name in CONTEXT_NAMES else name.partition("-")[0]


def context_input(features: torch.Tensor, number: int, inputs: int) -> torch.Tensor:
    """Return what a context network sees before a step, from what there is before the last one.

    Parameters
    ----------
    features
        Shape ``(crops, features, height, width)``, any dtype: all that there are.
    number
        Of the step.
    inputs
        How many of them the network sees.
    """
    seen = features[:, :inputs].clone()
    for first in (_KNOWN, _KNOWN + STEPS):
        seen[:, first + number : first + STEPS] = 0
    return seen


def level_bits(logits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the bits of each level, shape ``(crops, height, width)``, without those above two.

    Parameters
    ----------
    logits
        Shape ``(crops, 4, height, width)``: of being not zero, negative, above one and above two.
    levels
        Integers of shape ``(crops, height, width)``; `OUTSIDE` costs nothing.
    """
    nats = torch.zeros_like(logits[:, 0])
    for head, (asked, true) in enumerate(decisions(levels)):
        sign = true.to(logits.dtype) * 2 - 1
        nats = nats + asked * nn.functional.softplus(-sign * logits[:, head])
    return nats / torch.log(torch.tensor(2.0))


def decisions(levels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return for each head where it is asked, and what is true there."""
    inside, size = levels != OUTSIDE, levels.abs()
    return [
        (inside, size > 0),
        (inside & (size > 0), levels < 0),
        (inside & (size > 0), size > 1),
        (inside & (size > 1), size > 2),
    ]


def tail_bits(levels: torch.Tensor) -> torch.Tensor:
    """Return about what a subband's levels above two cost beyond that they are, in bits.

    They are coded as powers of two, whose frequencies the coder learns, and the bits below.
    """
    rest = levels[(levels.abs() > 2) & (levels != OUTSIDE)].abs() - 3
    exponents = torch.log2(1 + rest.double()).floor().long()
    counts = torch.bincount(exponents).double()
    shares = counts[counts > 0] / counts.sum()
    return (exponents.sum() - (counts[counts > 0] * torch.log2(shares)).sum()).float()


def picture_errors(
    output: torch.Tensor, targets: torch.Tensor, steps: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean squared errors in steps, with and without a network's correction, shape ``(crops,)``.

    Parameters
    ----------
    output
        Shape ``(crops, 4, height, width)``.
    targets
        What should be added, in working units; `OUTSIDE` is left out.
    steps
        In 1/16 of a working unit, shape ``(crops,)``.
    """
    inside = targets != OUTSIDE
    count = inside.sum((1, 2, 3)).clamp(min=1)
    missing = targets.float() * STEP_UNIT / steps[:, None, None, None]
    after = (((missing - output * CORRECTION) ** 2) * inside).sum((1, 2, 3)) / count
    before = ((missing**2) * inside).sum((1, 2, 3)) / count
    return after, before


def picture_loss(errors: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean of errors times what they weigh: the share of pictures' errors that is left.

    So all scans and rates matter alike, and within a picture each squared error does.
    """
    return (errors * weights).mean()


def gain_db(after: torch.Tensor, before: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the gain of a correction in decibels, of errors that are weighed as for `picture_loss`."""
    left, all_of_it = (picture_loss(errors, weights).clamp(min=1e-12) for errors in (after, before))
    return 10 * torch.log10(all_of_it / left)


def of_kinds(names: Iterable[str]) -> dict[str, list[str]]:
    """Return names of networks by the kind of samples they share."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(kind_of(name), []).append(name)
    return kinds


CONTEXT_KINDS = (EDGE, CORNER)
