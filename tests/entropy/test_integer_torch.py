"""Integer networks in PyTorch: the same integers everywhere; training ends in what is exported."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_input, random_network, reference
from print_sums import NETWORK, X

from medcodec.errors import OptionError

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")
training = pytest.importorskip("medcodec.training.integer")
QuantisedNetwork, TorchIntegerNetwork = training.QuantisedNetwork, training.TorchIntegerNetwork

PROGRAM = Path(__file__).with_name("print_sums.py")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_torch_equals_native(data):
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    sizes = data.draw(st.lists(st.sampled_from([1, 3]), min_size=1, max_size=3))
    channels = [data.draw(st.integers(1, 12)) for _ in range(len(sizes) + 1)]
    network = random_network(random, channels, sizes, signed=data.draw(st.booleans()))
    x = random_input(random, network, data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20)), planes=2)
    found = TorchIntegerNetwork(network)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(found, network.run(x))
    np.testing.assert_array_equal(found[1], reference(network, x[1]))


def test_the_same_with_any_threads_library_and_instructions():
    wanted = hashlib.sha256(NETWORK.run(X).astype("<i4").tobytes()).hexdigest()
    for capability in ("default", "avx2", "avx512"):
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
        command = [sys.executable, str(PROGRAM)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert found.split() == [wanted] * 4, capability


def test_the_same_under_autocast():
    random = np.random.default_rng(3)
    network = random_network(random, (16, 32, 8), (3, 3), largest=60)
    x = torch.from_numpy(random_input(random, network, 33, 17, planes=1))
    with torch.autocast("cpu", torch.bfloat16):
        found = TorchIntegerNetwork(network)(x)
    np.testing.assert_array_equal(found.numpy(), network.run(x.numpy()))


def test_the_same_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    random = np.random.default_rng(3)
    network = random_network(random, (16, 32, 32, 8), (3, 3, 1), largest=100)
    x = torch.from_numpy(random_input(random, network, 133, 117, planes=2))
    found = TorchIntegerNetwork(network).cuda()(x.cuda()).cpu()
    np.testing.assert_array_equal(found.numpy(), network.run(x.numpy()))


def small_network():
    torch.manual_seed(1)
    return QuantisedNetwork(
        (3, 8, 8, 2), (3, 1, 3), input_low=-128, input_high=127, input_scale=1 / 16, output_scale=1 / 16
    )


def fit(network, x, wanted, steps, *, bfloat16=False):
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = (network(x) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.fixture(scope="module")
def trained():
    network = small_network()
    x = torch.randint(-128, 128, (4, 3, 16, 16)).float()
    wanted = torch.nn.functional.avg_pool2d(x[:, :2].abs(), 3, 1, 1) / 16
    in_floats = fit(network.train(), x, wanted, 60)
    network.quantise(True)
    rounded = fit(network, x, wanted, 20) + fit(network, x, wanted, 20, bfloat16=True)
    return network, x, wanted, in_floats, rounded


def test_what_is_exported_is_what_is_evaluated(trained):
    network, x, _, _, _ = trained
    with torch.no_grad():
        evaluated = network.eval()(x).numpy()
    exported = network.export().run(x.numpy().astype(np.int16))
    np.testing.assert_array_equal(exported, evaluated * 16)


def test_training_goes_on_when_rounding_starts(trained):
    network, x, wanted, in_floats, rounded = trained
    assert in_floats[-1] < in_floats[0] / 2
    assert rounded[0] < in_floats[-1] * 1.1
    assert rounded[-1] < rounded[0]
    with torch.no_grad():
        assert (network.eval()(x) - wanted).square().mean().item() < rounded[0] * 1.1


def test_what_is_trained_is_near_what_is_evaluated(trained):
    network, x, _, _, _ = trained
    with torch.no_grad():
        difference = (network.train()(x) - network.eval()(x)).abs() * 16
    assert difference.mean() < 0.5
    assert difference.max() <= 8


def test_scales_come_back_with_the_state(trained):
    network, *_ = trained
    copy = small_network()
    copy.load_state_dict(network.state_dict())
    assert copy.quantise(True).export().to_bytes() == network.export().to_bytes()


def test_rounding_needs_scales():
    with pytest.raises(OptionError, match="floating point"):
        small_network().quantise(True)


def test_channels_without_weights_are_exported():
    network = small_network()
    x = torch.randint(-128, 128, (1, 3, 8, 8)).float()
    network.train()(x)
    with torch.no_grad():
        network.convs[2].weight.zero_()
        network.convs[1].weight[3].zero_()
        network.convs[1].bias[3] = 2.0
        network.convs[2].bias[:] = torch.tensor([1.0, -2.0])
    network.quantise(True)
    exported = network.export().run(x.numpy().astype(np.int16))
    assert np.unique(exported[:, 0]).tolist() == [16]
    assert np.unique(exported[:, 1]).tolist() == [-32]


def test_gradients_pass_the_rounding():
    torch.manual_seed(2)
    shapes = [(2, 5, 6, 7), (5,), (5,)]
    inputs = [(torch.randn(shape) * 20).requires_grad_() for shape in shapes]
    sums, factor, offset = inputs
    plain = (sums * factor[:, None, None] + offset[:, None, None]).clamp(0, 255)
    rounded = training._Requantise.apply(sums, factor, offset, (0, 255))
    assert (rounded - plain).abs().max() <= 0.5
    weights = torch.randn(shapes[0])
    expected = torch.autograd.grad((plain * weights).sum(), inputs)
    for found, wanted in zip(torch.autograd.grad((rounded * weights).sum(), inputs), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-2)
