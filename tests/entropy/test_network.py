"""Integer networks: every path gives what plain integers give, and nothing inexact or damaged gets in."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_conv, random_input, random_network, reference

from medcodec import _native
from medcodec.entropy import IntegerConv, IntegerNetwork
from medcodec.errors import FormatError, OptionError, UnsupportedDataError

PATHS = [path for path in ("baseline", "avx2", "avxvnni", "avx512") if _native.network_has_path(path)]


def check(network, x):
    wanted = reference(network, x)
    for path in PATHS:
        for skip in (True, False):
            found = network.run(x, path=path, skip=skip)
            assert found.dtype == np.int16
            np.testing.assert_array_equal(found, wanted, err_msg=f"{path}, skip={skip}")


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (8, 8), (17, 15), (3, 130), (33, 64)])
@pytest.mark.parametrize("signed", [True, False])
def test_shapes(shape, signed):
    random = np.random.default_rng(shape)
    network = random_network(random, (5, 32, 9, 3), (3, 1, 3), signed=signed, largest=20)
    check(network, random_input(random, network, *shape))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_networks(data):
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    sizes = data.draw(st.lists(st.sampled_from([1, 3]), min_size=1, max_size=4))
    channels = [data.draw(st.integers(1, 20)) for _ in range(len(sizes) + 1)]
    shift, last_shift = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 31))
    network = random_network(
        random, channels, sizes, signed=data.draw(st.booleans()), shift=shift, last_shift=last_shift
    )
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    check(network, random_input(random, network, height, width))


@pytest.mark.parametrize(("low", "high"), [(0, 255), (7, 7), (3, 200), (0, 0), (255, 255)])
@pytest.mark.parametrize("shift", [0, 5, 11, 12, 16, 31])
def test_clip_ranges_and_shifts(low, high, shift):
    random = np.random.default_rng(shift)
    layers = [
        random_conv(random, 3, 6, 3, low=low, high=high, shift=shift, largest=9),
        random_conv(random, 6, 7, 1, low=-300, high=-100, shift=shift),
    ]
    network = IntegerNetwork(layers, input_low=-128, input_high=127)
    check(network, random_input(random, network, 9, 21))


def test_sums_up_to_the_limit():
    weight = np.full((2, 57, 3, 3), 127, np.int8)
    weight[1] = -128
    rest = (1 << 24) - 1 - 57 * 9 * np.array([127, 128]) * 255
    layer = IntegerConv(
        weight,
        np.array([rest[0], -rest[1]], np.int32),
        np.full(2, 1 << 15, np.int32),
        31,
        -(1 << 15),
        (1 << 15) - 1,
    )
    network = IntegerNetwork([layer], input_low=0, input_high=255)
    check(network, np.full((57, 3, 3), 255, np.int16))


def test_one_more_is_refused():
    layer = IntegerConv(
        np.full((1, 57, 3, 3), 127, np.int8),
        np.array([(1 << 24) - 57 * 9 * 127 * 255], np.int32),
        np.ones(1, np.int32),
        0,
        0,
        255,
    )
    with pytest.raises(FormatError, match=r"layer 0 may reach 16777216"):
        IntegerNetwork([layer], input_low=0, input_high=255)


def test_bound_of_a_later_layer_counts_what_the_one_before_gives():
    random = np.random.default_rng(0)
    wide = IntegerConv(
        np.full((1, 64, 3, 3), 127, np.int8), np.zeros(1, np.int32), np.ones(1, np.int32), 20, 0, 255
    )
    for high in (200, 255):
        layers = [random_conv(random, 1, 64, 1, high=high, shift=20), wide]
        if 64 * 9 * 127 * high < 1 << 24:
            IntegerNetwork(layers, input_low=-128, input_high=127)
        else:
            with pytest.raises(FormatError, match="layer 1"):
                IntegerNetwork(layers, input_low=-128, input_high=127)


def test_planes_in_one_call():
    random = np.random.default_rng(5)
    network = random_network(random, (6, 16, 4), (3, 3), largest=30)
    x = random_input(random, network, 8, 11, planes=5)
    found = network.run(x)
    assert found.shape == (5, 4, 8, 11)
    for plane, result in zip(x, found, strict=True):
        np.testing.assert_array_equal(result, network.run(plane))
    assert network.run(x[:, :, :0]).shape == (5, 4, 0, 11)


@pytest.mark.parametrize("value", [-129, 128])
def test_inputs_out_of_range_are_refused(value):
    random = np.random.default_rng(5)
    network = random_network(random, (6, 16, 4), (3, 3), largest=30)
    x = random_input(random, network, 20, 33)
    x[5, 19, 32] = value
    for path in PATHS:
        with pytest.raises(UnsupportedDataError, match="-128 to 127"):
            network.run(x, path=path)


def test_what_run_refuses():
    network = random_network(np.random.default_rng(5), (6, 4), (3,))
    for x in (np.zeros((5, 8, 8), np.int16), np.zeros((6, 8, 8), np.int32), np.zeros((6, 8), np.int16)):
        with pytest.raises(UnsupportedDataError, match="shape"):
            network.run(x)
    with pytest.raises(OptionError, match="no_such_path"):
        network.run(np.zeros((6, 8, 8), np.int16), path="no_such_path")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_mostly_background(data):
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    sizes = data.draw(st.lists(st.sampled_from([1, 3]), min_size=1, max_size=4))
    channels = [data.draw(st.integers(1, 9)) for _ in range(len(sizes) + 1)]
    network = random_network(random, channels, sizes, signed=data.draw(st.booleans()))
    shape = (network.inputs, data.draw(st.integers(1, 80)), data.draw(st.integers(1, 80)))
    x = np.zeros(shape, np.int16)
    x[:] = random.integers(0, 128, (network.inputs, 1, 1)) * data.draw(st.sampled_from([0, 1]))
    for _ in range(data.draw(st.integers(0, 4))):
        channel, i, j = (int(random.integers(n)) for n in shape)
        x[channel, i : i + int(random.integers(1, 5)), j : j + int(random.integers(1, 5))] = 100
    check(network, x)


def test_background_is_cheap():
    network = random_network(np.random.default_rng(2), (16, 32, 32, 8), (3, 3, 1), largest=20)
    x = np.zeros((16, 128, 128), np.int16)
    x[:, 60:70, 60:70] = 5
    seconds = {True: [], False: []}
    for _ in range(5):
        for skip, measured in seconds.items():
            start = time.thread_time()
            network.run(x, skip=skip, path="baseline")
            measured.append(time.thread_time() - start)
    assert min(seconds[True]) < min(seconds[False]) / 3


def test_threads_share_a_network():
    random = np.random.default_rng(7)
    network = random_network(random, (6, 16, 16, 4), (3, 3, 1), largest=30)
    inputs = [random_input(random, network, 30 + i, 50 - i) for i in range(8)]
    wanted = [network.run(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            for found, expected in zip(pool.map(network.run, inputs), wanted, strict=True):
                np.testing.assert_array_equal(found, expected)
