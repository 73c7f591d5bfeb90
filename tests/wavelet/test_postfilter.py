"""Pictures corrected by those next to them, when all of a group are known."""

from __future__ import annotations

import numpy as np
import pytest
from wavelet_cases import psnr

from medcodec._native import BlockContexts
from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.model import POSTFILTER, WaveletModel, current_model, model_of
from medcodec.codecs.wavelet.quality import quality_of
from medcodec.codecs.wavelet.reduced import decode_frames
from medcodec.codecs.wavelet.stream import pack_choices, parse, parse_choices
from medcodec.codecs.wavelet.synthesis import Choices
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


SMALL = model_of(current_model("small"))
PLAIN = WaveletModel(
    {name: each for name, each in SMALL.networks.items() if name != POSTFILTER}, SMALL.starts
)
FILTERED = WaveletModel({**PLAIN.networks, POSTFILTER: towards_neighbours(0.2)}, PLAIN.starts)


@pytest.fixture(scope="module")
def frames():
    """Frames that show nearly the same, with other noise in each."""
    _, frame, y, x = np.indices(SHAPE)
    scene = 6000 + 3000 * np.sin((x + 0.3 * frame) / 3) * np.cos((y - 0.3 * frame) / 4)
    return (scene + np.random.default_rng(1).normal(0, 100, SHAPE)).astype(np.int32)


def encoded(frames, model, *, quality=QUALITY):
    encoder = GroupEncoder(frames, TOP, gop=4, quality=quality, model=model, effort=Effort(motion=None))
    return encoder.encode()


def squared_errors(frames, group):
    return np.square(frames - group.pictures, dtype=np.float64).sum(axis=(2, 3))


def test_decoders_correct_as_the_encoder_did(frames):
    group, plain = encoded(frames, FILTERED), encoded(frames, PLAIN)
    symbols = parse_symbols(group.data, SHAPE, FILTERED)
    assert np.array_equal(synthesise(symbols, SHAPE, TOP, FILTERED), group.pictures)
    # Frames that it makes worse are left as they are, and it costs nothing.
    corrected = np.zeros(SHAPE[:2], bool)
    for (sequence, step), choices, _ in symbols.frames:
        corrected[sequence, step.frame] = choices.postfiltered
    assert corrected.mean() > 0.5
    assert np.array_equal(squared_errors(frames, group) < squared_errors(frames, plain), corrected)
    assert psnr(frames, group.pictures) > psnr(frames, plain.pictures) + 0.05
    assert len(group.data) == len(plain.data)
    # Nothing is predicted from corrected pictures; those decoded alone are as they were before.
    alone = decode_frames(group.data, SHAPE, TOP, FILTERED, halvings=0, frames=range(0, 9, 2))
    assert np.array_equal(alone, plain.pictures[:, ::2])
    together = decode_frames(group.data, SHAPE, TOP, FILTERED, halvings=0, frames=range(9))
    assert np.array_equal(together, group.pictures)


def test_nothing_is_corrected_without_neighbours_or_losses(frames):
    for part, quality in ((frames[:, :1], QUALITY), (frames, None)):
        group = encoded(np.ascontiguousarray(part), FILTERED, quality=quality)
        symbols = parse_symbols(group.data, part.shape, FILTERED)
        assert not any(choices.postfiltered for _, choices, _ in symbols.frames)


def test_a_group_cut_after_a_layer_is_not_corrected(frames):
    data = encoded(frames, FILTERED).data
    header, layers = parse(data)
    cut = header.pack() + b"".join(layer.pack() for layer in layers[:2])
    kept = synthesise(parse_symbols(cut, SHAPE, FILTERED), SHAPE, TOP, FILTERED)
    alone = decode_frames(data, SHAPE, TOP, FILTERED, halvings=0, frames=range(0, 9, 2))
    assert np.array_equal(kept[:, ::2], alone)
    assert not kept[:, 1::2].any()


def test_a_network_that_is_not_there_is_named(frames):
    data = encoded(frames, FILTERED).data
    with pytest.raises(FormatError, match="beside it; its model has no network for that"):
        parse_symbols(data, SHAPE, PLAIN)
    with pytest.raises(ModelMissingError):
        parse_symbols(data, SHAPE, None)


def test_choices_of_frames_come_back():
    choices = [
        Choices(None, False, number, postfiltered) for number in range(4) for postfiltered in (True, False)
    ]
    data = pack_choices(choices, BlockContexts())
    assert parse_choices(data, len(choices), SHAPE[2:], BlockContexts()) == choices
    with pytest.raises(FormatError, match="unknown choices"):
        parse_choices(bytes([data[0] | 32]), 1, SHAPE[2:], BlockContexts())
