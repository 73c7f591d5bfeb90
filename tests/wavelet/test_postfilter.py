"""Pictures corrected by those next to them, when all of a group are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from wavelet_cases import psnr

from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.model import POSTFILTER, WaveletModel, current_model, model_of
from medcodec.codecs.wavelet.quality import quality_of
from medcodec.codecs.wavelet.reduced import decode_frames
from medcodec.codecs.wavelet.stream import LayerBytes, parse
from medcodec.entropy import IntegerConv, IntegerNetwork
from medcodec.errors import FormatError, ModelMissingError

TOP, SHAPE = 16383, (2, 9, 43, 38)
QUALITY = quality_of(2, TOP, 6)


def towards_neighbours(share: float) -> IntegerNetwork:
    """Return a network that moves each pixel by a share of its differences to those before and after it."""
    weight = np.zeros((4, 16, 1, 1), np.int8)
    for phase in range(4):
        weight[phase, [8 + phase, 12 + phase]] = round(share * 16)  # of 1/32 of a step, in 1/512
    ones = np.ones(4, np.int32)
    return IntegerNetwork(
        [IntegerConv(weight, 0 * ones, ones, 0, -(1 << 15), (1 << 15) - 1)], input_low=-127, input_high=127
    )


def with_postfilter(network: IntegerNetwork) -> WaveletModel:
    small = model_of(current_model("small"))
    others = {name: each for name, each in small.networks.items() if name != POSTFILTER}
    return WaveletModel({**others, POSTFILTER: network}, small.starts)


@pytest.fixture(scope="module")
def frames():
    """Frames that show nearly the same, with other noise in each."""
    _, frame, y, x = np.indices(SHAPE)
    scene = 6000 + 3000 * np.sin((x + 0.3 * frame) / 3) * np.cos((y - 0.3 * frame) / 4)
    return (scene + np.random.default_rng(1).normal(0, 100, SHAPE)).astype(np.int32)


def encoded(frames, model, *, quality=QUALITY):
    encoder = GroupEncoder(frames, TOP, gop=4, quality=quality, model=model, effort=Effort(motion=None))
    return encoder.encode()


def test_decoders_correct_as_the_encoder_did(frames):
    model, plain = (with_postfilter(towards_neighbours(share)) for share in (0.2, -0.2))
    group, other = encoded(frames, model), encoded(frames, plain)
    symbols = parse_symbols(group.data, SHAPE, model)
    assert symbols.header.postfiltered
    assert np.array_equal(synthesise(symbols, SHAPE, TOP, model), group.pictures)
    # A filter that makes pictures worse is not used; all else is the same.
    assert not parse(other.data)[0].postfiltered
    assert parse(other.data)[1] == parse(group.data)[1]
    assert psnr(frames, group.pictures) > psnr(frames, other.pictures) + 0.05
    # Nothing is predicted from corrected pictures; those decoded alone are as they were before.
    alone = decode_frames(group.data, SHAPE, TOP, model, halvings=0, frames=range(0, 9, 2))
    assert np.array_equal(alone, other.pictures[:, ::2])
    together = decode_frames(group.data, SHAPE, TOP, model, halvings=0, frames=range(9))
    assert np.array_equal(together, group.pictures)


def test_nothing_is_corrected_without_neighbours_or_losses(frames):
    model = with_postfilter(towards_neighbours(0.2))
    for part, quality in ((frames[:, :1], QUALITY), (frames, None)):
        group = encoded(np.ascontiguousarray(part), model, quality=quality)
        assert not parse(group.data)[0].postfiltered


def test_a_group_cut_after_a_layer_is_not_corrected(frames):
    model = with_postfilter(towards_neighbours(0.2))
    data = encoded(frames, model).data
    header, layers = parse(data)
    cut = header.pack() + b"".join(LayerBytes(each.choices, each.segments).pack() for each in layers[:2])
    whole = replace(header, postfiltered=False).pack() + data[len(header.pack()) :]
    kept, before = (synthesise(parse_symbols(each, SHAPE, model), SHAPE, TOP, model) for each in (cut, whole))
    assert np.array_equal(kept[:, ::2], before[:, ::2])
    assert not kept[:, 1::2].any()


def test_a_network_that_is_not_there_is_named(frames):
    model = with_postfilter(towards_neighbours(0.2))
    data = encoded(frames, model).data
    lacking = WaveletModel(
        {name: each for name, each in model.networks.items() if name != POSTFILTER}, model.starts
    )
    with pytest.raises(FormatError, match="its model does not have"):
        parse_symbols(data, SHAPE, lacking)
    with pytest.raises(ModelMissingError):
        parse_symbols(data, SHAPE, None)
    untrained = bytearray(data)
    untrained[1] &= ~2
    with pytest.raises(FormatError, match="its model does not have"):
        parse_symbols(bytes(untrained), SHAPE, model)
