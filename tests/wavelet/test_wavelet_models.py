"""Where networks come from: the package, and folders of one's own."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from entropy.networks import random_network
from wavelet_cases import phantom

import medcodec
from medcodec import _native
from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.codecs.wavelet.coder_start import COUNTERS, WEIGHTS, CoderStart
from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.model import (
    MODELS_VARIABLE,
    NETWORK_SHAPES,
    WaveletModel,
    current_model,
    model_of,
)
from medcodec.codecs.wavelet.quality import quality_of
from medcodec.errors import FormatError, ModelMissingError, OptionError


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    """Return a folder of networks that no package has, and name it as users do."""
    folder = tmp_path / "models"
    folder.mkdir()
    random = np.random.default_rng(4)
    networks = {
        name: random_network(random, (inputs[-1], outputs), (1,))
        for name, (inputs, outputs) in NETWORK_SHAPES.items()
    }
    model = WaveletModel(networks)
    (folder / "wavelet-ours.medm").write_bytes(model.to_bytes())
    (folder / "notes.txt").write_text("not a model")
    monkeypatch.setenv(MODELS_VARIABLE, str(folder))
    return folder, model


def test_networks_of_ones_own(own_models, tmp_path, monkeypatch):
    folder, model = own_models
    voxels = phantom((40, 44, 5))
    path = tmp_path / "a.medc"
    options = {"size": "ours", "quality": 10.0}
    medcodec.compress(voxels, path, codec="wavelet", codec_options=options)
    with medcodec.open(path) as file:
        assert file.info.codec.model == model.sha256
        wanted = np.asarray(file)
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(tmp_path), str(folder)]))
    with medcodec.open(path) as file:
        assert np.array_equal(np.asarray(file), wanted)
    with pytest.raises(OptionError, match=r"'other'.*none, ours, small.*MEDCODEC_MODELS"):
        WaveletCodec(size="other")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(ModelMissingError, match=r"gone.*no such folder"):
        WaveletCodec(size="ours")


@pytest.mark.usefixtures("transformed")
def test_the_network_that_helps_most_is_used(tmp_path, monkeypatch):
    small = model_of(current_model("small"))
    shipped = small.networks
    random = np.random.default_rng(5)
    inputs, outputs = NETWORK_SHAPES["enhance"]
    useless = random_network(random, (inputs[-1], outputs), (1,))
    model = WaveletModel({**shipped, "enhance": useless, "enhance-good": shipped["enhance"]}, small.starts)
    assert model.enhancers == ("enhance", "enhance-good")
    (tmp_path / "wavelet-two.medm").write_bytes(model.to_bytes())
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    voxels = np.ascontiguousarray(np.moveaxis(phantom((48, 56, 9)), 2, 0))[None]
    pictures = []
    for size in ("two", "small"):
        codec = WaveletCodec(size=size, quality=8.0).prepare(voxels)
        data = codec.encode(FrameGroup(voxels))
        pictures.append(codec.decode(data, voxels.shape, voxels.dtype))
        choices = [choice for _, choice, _ in parse_symbols(data, voxels.shape, model).frames]
        assert {choice.enhanced for choice in choices} <= {0, 2 if size == "two" else 1}
        assert any(choice.enhanced for choice in choices)
        if size == "two":
            with pytest.raises(FormatError, match="its model has 1"):
                parse_symbols(data, voxels.shape, small)
    assert np.array_equal(*pictures)


def test_no_more_networks_that_enhance_than_streams_can_name():
    shipped = model_of(current_model("small")).networks
    more = {f"enhance-{name}": shipped["enhance"] for name in "abc"}
    with pytest.raises(FormatError, match="enhance-c"):
        WaveletModel({**shipped, **more})


@pytest.mark.usefixtures("own_models", "transformed")
def test_files_of_networks_that_are_gone(tmp_path, monkeypatch):
    options = {"size": "ours", "quality": 5.0}
    medcodec.compress(phantom((20, 24, 3)), tmp_path / "a.medc", codec="wavelet", codec_options=options)
    monkeypatch.delenv(MODELS_VARIABLE)
    model_of.cache_clear()
    with (
        pytest.raises(ModelMissingError, match="MEDCODEC_MODELS"),
        medcodec.open(tmp_path / "a.medc") as file,
    ):
        np.asarray(file)


def start(seed, counts=8):
    """Return where a coder begins, at random."""
    random = np.random.default_rng(seed)
    return CoderStart(
        random.integers(1, 65536, COUNTERS, np.uint16),
        random.integers(0, counts + 1, COUNTERS, np.uint8),
        random.integers(-9000, 9000, WEIGHTS, np.int32),
    )


def test_coders_begin_where_the_model_says():
    shipped = model_of(current_model("small"))
    frames = np.ascontiguousarray(np.moveaxis(phantom((48, 56, 5)), 2, 0))[None].astype(np.int32)
    top = int(frames.max())
    sizes = {}
    for name, starts in {"none": (), "ours": (start(1), start(2)), "shipped": shipped.starts}.items():
        model = WaveletModel.from_bytes(WaveletModel(shipped.networks, starts).to_bytes())
        quality = quality_of(9, top, 6)
        coded = GroupEncoder(frames, top, gop=4, quality=quality, model=model, effort=Effort()).encode()
        decoded = synthesise(parse_symbols(coded.data, frames.shape, model), frames.shape, top, model)
        assert np.array_equal(decoded, coded.pictures)
        sizes[name] = len(coded.data)
    assert sizes["shipped"] < sizes["none"] < sizes["ours"]


def test_what_coders_learn_can_be_taken_out():
    coder, other = (_native.SubbandEncoder(trained=True) for _ in range(2))
    start(3).put_into(coder)
    counters, weights = (np.frombuffer(part, dtype) for part, dtype in zip(coder.learnt(), "Ii", strict=True))
    other.begin_with(counters, weights)
    assert other.learnt() == coder.learnt()
    for wrong in ((counters[1:], weights), (counters, weights[1:]), (counters, weights + (1 << 21))):
        with pytest.raises(ValueError, match="cannot begin"):
            other.begin_with(*wrong)


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_damaged_start_is_refused(keep):
    data = start(4).to_bytes()
    with pytest.raises(FormatError, match="coders of coefficients begin"):
        CoderStart.from_bytes(data[:keep])
    with pytest.raises(FormatError, match="coders of coefficients begin"):
        CoderStart.from_bytes(struct.pack("<I", 12) + zlib.compress(b"short"))


def test_starts_that_do_not_fit_are_refused():
    good = start(5)
    with pytest.raises(FormatError, match="does not fit"):
        replace(good, weights=good.weights + np.int32(1 << 21))
    with pytest.raises(FormatError, match="does not fit"):
        replace(good, counts=good.counts[1:])
    with pytest.raises(FormatError, match="where 2 coders begin"):
        WaveletModel(model_of(current_model("small")).networks, (good,))
