"""The contract of trainable codecs, by the wavelet codec."""

from __future__ import annotations

import numpy as np
import pytest
from training_scans import moving_blobs

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from medcodec.codecs.base import FrameGroup
from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.training.config import ModelSettings
from medcodec.training.contract import TrainableCodec
from medcodec.training.loop import read_checkpoint
from medcodec.training.wavelet import CHECKPOINT
from medcodec.training.wavelet_codec import PARTS, TrainableWavelet
from medcodec.training.wavelet_networks import build_networks

RATE = 9.0


@pytest.fixture(scope="module")
def codec(trained):
    state = read_checkpoint(trained / CHECKPOINT)
    networks = build_networks(ModelSettings("tiny", 8, 4, postfilter_layers=3, enhancers=("noisy",)))
    networks.load_state_dict(state["networks"])
    for network in networks.values():
        network.quantise(True)
    return TrainableWavelet(networks, gop=4).eval()


@pytest.fixture(scope="module")
def group():
    return FrameGroup(np.ascontiguousarray(moving_blobs((2, 6, 70, 63), 12).astype(np.int16) - 300))


def test_estimate_is_of_the_bytes(codec, group):
    with torch.no_grad():
        estimate = codec(group, RATE)
    data = codec.compress(group, RATE)
    assert float(estimate.total_bits) == pytest.approx(8 * len(data), rel=1e-5)
    assert float(estimate.bits["overhead"].sum()) < 0.2 * 8 * len(data)
    assert set(estimate.bits) == set(PARTS)
    assert all(part.shape == (2, 6) and (part >= 0).all() for part in estimate.bits.values())
    restored = codec.decompress(data, group.voxels.shape, group.voxels.dtype)
    assert restored.dtype == group.voxels.dtype
    assert np.abs(restored - estimate.reconstruction.numpy()).max() <= 0.5
    assert np.abs(restored - group.voxels).max() < 100


def test_without_a_rate_nothing_is_lost(codec, group):
    data = codec.compress(group, None)
    assert np.array_equal(codec.decompress(data, group.voxels.shape, group.voxels.dtype), group.voxels)
    with torch.no_grad():
        estimate = codec(group, None)
    assert np.array_equal(estimate.reconstruction.numpy(), group.voxels)


def test_gradients_reach_the_networks_that_are_used(codec, group):
    codec.zero_grad()
    codec.train()
    estimate = codec(group, RATE)
    (estimate.total_bits / 1e3 + estimate.reconstruction.square().mean()).backward()
    codec.eval()
    for name, network in codec.networks.items():
        if name.startswith("context"):
            assert network.convs[0].weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", ["enhance", "postfilter"])
def test_corrections_have_gradients(group, name):
    """Where the stream uses a network's correction, the reconstruction depends on its parameters."""
    networks = build_networks(ModelSettings("tiny", 4, 4, postfilter_layers=2))
    codec = TrainableWavelet(networks, gop=4)
    last = networks[name].convs[-1]
    # The smallest brightening is right about pictures that came out too dark, or else the smallest darkening.
    for change in (1 / 256, -1 / 256):
        with torch.no_grad():
            last.bias.fill_(change)
        for rate in (3.0, 4.0, 5.0, 6.0):
            reconstruction = codec(group, rate).reconstruction
            if reconstruction.requires_grad:
                reconstruction.sum().backward()
    assert last.bias.grad is not None
    assert (last.bias.grad > 0).all()


def test_names_of_sites_lead_to_modules(codec):
    assert isinstance(codec, TrainableCodec)
    modules = dict(codec.named_modules())
    for site in codec.adapter_sites():
        module = modules[site.module]
        assert (module.in_channels, module.out_channels) == site.channels
        assert site.placement in ("serial", "parallel")
    assert codec.encoder_modules() == []
    parameters = {id(p) for module in codec.decoder_modules() for p in module.parameters()}
    assert parameters == {id(p) for p in codec.parameters()}


def test_floats_are_coded_with_loss(codec, group):
    floats = FrameGroup(group.voxels.astype(np.float32) / 7)
    with torch.no_grad():
        estimate = codec(floats, 15.0)
    restored = codec.decompress(codec.compress(floats, 15.0), floats.voxels.shape, floats.voxels.dtype)
    assert np.abs(restored - estimate.reconstruction.numpy()).max() < 1e-2
    assert np.abs(restored - floats.voxels).max() < 2


def test_what_cannot_be_coded_is_refused(codec, group):
    for voxels in (group.voxels.astype(np.float32), np.array([0, 1 << 20]).reshape(1, 1, 1, 2)):
        with pytest.raises(UnsupportedDataError, match="not integers that span 16 bits"):
            codec.compress(FrameGroup(voxels), None)
    with pytest.raises(UnsupportedDataError, match="NaN"):
        codec.compress(FrameGroup(np.full((1, 1, 8, 8), np.nan, np.float32)), RATE)
    with pytest.raises(FormatError):
        codec.decompress(b"short", group.voxels.shape, group.voxels.dtype)
