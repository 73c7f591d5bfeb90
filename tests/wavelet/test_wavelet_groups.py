"""Coded groups: what encoder and decoder make of them, their layers, and damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from wavelet_cases import coded, phantom

from medcodec.codecs.wavelet import synthesis
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.hierarchy import GOPS, frame_steps
from medcodec.codecs.wavelet.quality import quality_of
from medcodec.errors import FormatError, IntegrityError, ModelMissingError

pytestmark = pytest.mark.usefixtures("transformed")
SHAPE = (2, 9, 26, 33)
TOP = 16383


@pytest.fixture(scope="module")
def voxels():
    return np.ascontiguousarray(np.moveaxis(phantom((26, 33, 18)), 2, 0).reshape(SHAPE))


@pytest.mark.parametrize("gop", GOPS)
@pytest.mark.parametrize("quality", [None, 11.0])
def test_pictures_of_the_encoder_are_those_of_the_decoder(voxels, gop, quality):
    frames = (voxels.astype(np.int32) - voxels.min()) << (0 if quality is None else 4)
    layers = frame_steps(SHAPE[1], gop)[-1].layer + 1
    steps = None if quality is None else quality_of(quality, TOP, layers, value=16)
    group = GroupEncoder(frames, TOP, gop=gop, quality=steps, model=None, effort=Effort(motion=0)).encode()
    symbols = parse_symbols(group.data, SHAPE, None)
    decoded = synthesise(symbols, SHAPE, TOP, None)
    assert np.array_equal(decoded, group.pictures)
    if quality is None:
        assert np.array_equal(decoded, frames)


@pytest.mark.parametrize("gop", GOPS)
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 8, 9, 17, 32, 33, 40, 70])
def test_frame_order(frames, gop):
    steps = frame_steps(frames, gop)
    assert sorted(step.frame for step in steps) == list(range(frames))
    known: set[int] = set()
    for step in steps:
        assert known.issuperset(step.references)
        if step.layer:
            assert step.previous < step.frame < step.following
        known.add(step.frame)
    # Every second, fourth, ... frame needs no more layers than it must.
    last_layer = steps[-1].layer
    for step in steps:
        if step.layer:
            assert step.frame % (1 << (last_layer - step.layer)) == 0
            assert step.frame % (2 << (last_layer - step.layer)) != 0
    assert [step.layer for step in steps] == sorted(step.layer for step in steps)
    for layer in range(steps[-1].layer + 1):
        shown = sorted(step.frame for step in steps if step.layer <= layer)
        assert np.diff(shown).max(initial=1) <= max(1, gop >> layer)


def test_symbols_parse_without_synthesis(voxels, monkeypatch):
    _, data = coded(voxels, quality=10.0)
    wanted = parse_symbols(data, SHAPE, None)

    def forbidden(*_, **__):
        msg = "a picture was made"
        raise AssertionError(msg)

    for name in ("predict", "fuse", "enhance", "finish"):
        monkeypatch.setattr(synthesis.Synthesis, name, forbidden)
    symbols = parse_symbols(data, SHAPE, None)
    coarse = parse_symbols(data, SHAPE, None, parts=1)
    for (_, _, whole), (_, _, again), (_, _, part) in zip(
        wanted.frames, symbols.frames, coarse.frames, strict=True
    ):
        for key, levels in whole.levels.items():
            assert np.array_equal(levels, again.levels[key])
            assert (key[1] == 0 and key not in part.levels) or np.array_equal(levels, part.levels[key])


def layer_ends(data):
    """Return where each temporal layer ends."""
    layers = data[3]
    ends, at = [], 4 + 4 * layers
    for _ in range(layers):
        at += 12 + sum(struct.unpack_from("<III", data, at))
        ends.append(at)
    assert at == len(data)
    return ends


def test_groups_that_are_cut_off_are_refused(voxels):
    codec, data = coded(voxels, quality=10.0)
    ends = layer_ends(data)
    assert len(ends) == 4
    for length in {*range(60), *ends[:-1], *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}:
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(data[:length], SHAPE, voxels.dtype)
    for more in (b"\0", bytes(12), bytes(40)):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(data + more, SHAPE, voxels.dtype)


@pytest.mark.parametrize("quality", [None, 10.0])
def test_flipped_bits_are_an_error_or_another_picture(voxels, quality):
    codec, data = coded(voxels[:1], quality=quality)
    random = np.random.default_rng(4)
    places = [*range(40), *random.integers(40, len(data), 60)]
    for at in places:
        broken = bytearray(data)
        broken[at] ^= 1 << int(random.integers(8))
        try:
            decoded = codec.decode(bytes(broken), (1, *SHAPE[1:]), voxels.dtype)
        except (FormatError, IntegrityError, ModelMissingError):
            continue
        assert decoded.shape == (1, *SHAPE[1:])


@pytest.mark.parametrize(
    "shape", [(1, 9, 26, 33), (2, 8, 26, 33), (2, 9, 27, 33), (2, 9, 26, 70), (9, 2, 33, 26)]
)
def test_another_shape_is_refused(voxels, shape):
    codec, data = coded(voxels, quality=10.0)
    with pytest.raises((FormatError, IntegrityError)):
        codec.decode(data, shape, voxels.dtype)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 0),
        (0, 2),
        (1, 5),
        (1, 8),
        (1, 255),
        (2, 6),
        (3, 0),
        (3, 5),
        (3, 255),
        (4, 0),
        (7, 255),
        (20, 255),
        (23, 255),
    ],
)
def test_hostile_headers_are_refused(voxels, at, value):
    codec, data = coded(voxels, quality=10.0)
    broken = bytearray(data)
    broken[at : at + 1] = bytes([value])
    if at == 4:
        broken[4:8] = bytes(4)
    with pytest.raises((FormatError, IntegrityError)):
        codec.decode(bytes(broken), SHAPE, voxels.dtype)


def test_networks_without_a_model_are_refused(voxels):
    codec, data = coded(voxels, quality=10.0)
    with pytest.raises(ModelMissingError):
        codec.decode(data[:1] + b"\x02" + data[2:], SHAPE, voxels.dtype)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"quality": "a"},
        {"low": "a"},
        {"low": 5, "high": 1},
        {"low": float("nan"), "high": 1.0},
        {"quality": 99},
        {"low": 0, "high": float("inf")},
        {"size": "huge"},
        {"extra": 1},
        {"effort": 3},
    ],
)
def test_malformed_settings_are_refused(settings):
    whole = WaveletCodec(size="none").to_dict()
    with pytest.raises(FormatError, match="wavelet"):
        WaveletCodec.from_dict({**whole, **settings} if settings else {})


def test_hostile_levels_do_not_overflow_what_they_should_not(voxels):
    """Segments of noise decode to the greatest levels; the group is refused, or has some picture."""
    codec, data = coded(voxels, quality=0.0)
    ends = layer_ends(data)
    start = 4 + 4 * data[3]
    choices, coarse, fine = struct.unpack_from("<III", data, start)
    head = data[: start + 12 + choices]
    random = np.random.default_rng(5)
    for _ in range(20):
        noise = random.integers(0, 256, coarse + fine, np.uint8).tobytes()
        try:
            decoded = codec.decode(head + noise + data[ends[0] :], SHAPE, voxels.dtype)
        except (FormatError, IntegrityError):
            continue
        assert decoded.shape == SHAPE
