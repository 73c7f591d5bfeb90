"""Networks that begin where smaller ones end."""

from __future__ import annotations

import numpy as np
import pytest

from medcodec.codecs.wavelet.model import current_model, model_of
from medcodec.errors import OptionError
from medcodec.training.config import ModelSettings

torch = pytest.importorskip("torch", reason="training needs PyTorch")
networks = pytest.importorskip("medcodec.training.wavelet_networks")


@pytest.fixture(scope="module")
def small():
    return model_of(current_model("small"))


def test_grown_networks_compute_the_same(small):
    settings = ModelSettings(
        "large",
        context_channels=40,
        picture_channels=52,
        enhance_channels=64,
        enhance_layers=7,
        context_features=39,
        enhance_features=20,
        start="small",
    )
    random = np.random.default_rng(1)
    for name, network in networks.build_networks(settings).items():
        trained = small.networks[name]
        features = random.integers(-127, 128, (network.inputs, 9, 11), np.int16)
        wanted = trained.run(np.ascontiguousarray(features[: trained.inputs]))
        assert np.abs(network.export().run(features).astype(int) - wanted).max() <= 1
        output = network.train()(torch.from_numpy(features).float()[None])
        output.sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("change", [{"context_channels": 31}, {"enhance_layers": 4}, {"picture_channels": 8}])
def test_networks_do_not_shrink(change):
    settings = {"context_channels": 32, "picture_channels": 64, "enhance_layers": 5, **change}
    with pytest.raises(OptionError, match="larger networks than are asked for"):
        networks.build_networks(ModelSettings("large", start="small", **settings))


def test_further_networks_that_enhance_begin_as_the_first(small):
    settings = ModelSettings("more", picture_channels=64, enhance_layers=5, enhancers=("ct",), start="small")
    found = networks.build_networks(settings)
    features = np.random.default_rng(2).integers(
        -127, 128, (small.networks["enhance"].inputs, 7, 8), np.int16
    )
    wanted = found["enhance"].export().run(features)
    assert np.array_equal(found["enhance-ct"].export().run(features), wanted)
    assert wanted.any()


def test_unknown_model_is_named():
    with pytest.raises(OptionError, match="no networks of size 'colossal'"):
        networks.build_networks(ModelSettings("large", start="colossal"))
