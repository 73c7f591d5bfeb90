"""The binary form of networks: one for each, and damage is an error or another proven network."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_conv, random_input, random_network, reference

from medcodec.entropy import IntegerConv, IntegerNetwork
from medcodec.errors import FormatError

NETWORK = random_network(np.random.default_rng(1), (3, 8, 2), (3, 1), largest=40)
DATA = NETWORK.to_bytes()


def test_what_is_written_is_read():
    copy = IntegerNetwork.from_bytes(DATA)
    assert copy.to_bytes() == DATA
    assert copy.sha256 == NETWORK.sha256
    x = random_input(np.random.default_rng(2), NETWORK, 9, 14)
    np.testing.assert_array_equal(copy.run(x), NETWORK.run(x))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(NETWORK)).run(x), NETWORK.run(x))


def test_the_form_stays():
    layer = IntegerConv(
        np.array([[[[-2]], [[3]]]], np.int8),
        np.array([-5], np.int32),
        np.array([1 << 15], np.int32),
        17,
        -9,
        10,
    )
    network = IntegerNetwork([layer], input_low=-128, input_high=127)
    assert network.to_bytes().hex() == "4d494e4554310180ff7f00010002000111f7ff0a00fbffffff0080fe03"
    assert (network.radius, network.macs_per_pixel, network.inputs, network.outputs) == (0, 2, 2, 1)


@pytest.mark.parametrize("length", range(0, len(DATA), 7))
def test_too_short(length):
    with pytest.raises(FormatError):
        IntegerNetwork.from_bytes(DATA[:length])


def test_too_long():
    with pytest.raises(FormatError, match="follow"):
        IntegerNetwork.from_bytes(DATA + b"\0")


@pytest.mark.parametrize(
    ("offset", "code", "value"),
    [
        (6, "B", 0), (6, "B", 255), (7, "h", -129), (9, "h", 256), (9, "h", -200),
        (11, "H", 0), (11, "H", 65535), (13, "H", 65535), (13, "H", 512), (15, "B", 2), (15, "B", 255),
        (16, "B", 32), (17, "h", -1), (19, "h", 256), (21, "i", -(1 << 31)), (53, "H", 0), (53, "H", 65535),
    ],
)  # fmt: skip
def test_values_out_of_range(offset, code, value):
    damaged = bytearray(DATA)
    struct.pack_into("<" + code, damaged, offset, value)
    with pytest.raises(FormatError):
        IntegerNetwork.from_bytes(bytes(damaged))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bits(flips):
    damaged = bytearray(DATA)
    for offset, bits in flips:
        damaged[offset] ^= bits
    try:
        network = IntegerNetwork.from_bytes(bytes(damaged))
    except FormatError:
        return
    assert network.to_bytes() == bytes(damaged)
    if network.inputs * network.outputs < 1000:
        x = random_input(np.random.default_rng(2), network, 5, 19)
        np.testing.assert_array_equal(network.run(x), reference(network, x))


@given(st.binary(max_size=300))
def test_any_bytes(data):
    for start in (b"", DATA[:6], DATA[:11]):
        with pytest.raises(FormatError):
            IntegerNetwork.from_bytes(start + data)


def test_what_layers_must_be():
    fields = {
        "weight": np.zeros((2, 3, 3, 3), np.int8), "bias": np.zeros(2, np.int32),
        "multiplier": np.ones(2, np.int32), "shift": 3, "low": 0, "high": 255,
    }  # fmt: skip
    IntegerConv(**fields)
    for wrong in (
        {"weight": np.zeros((2, 3, 3, 3), np.int16)}, {"weight": np.zeros((2, 3, 3, 1), np.int8)},
        {"weight": np.zeros((2, 3, 5, 5), np.int8)}, {"weight": np.zeros((2, 513, 1, 1), np.int8)},
        {"bias": np.zeros(3, np.int32)}, {"bias": np.zeros(2)}, {"multiplier": np.array([1, 0], np.int32)},
        {"shift": 32}, {"low": 256}, {"high": 1 << 15},
    ):  # fmt: skip
        with pytest.raises(FormatError):
            IntegerConv(**{**fields, **wrong})


def test_layers_must_chain():
    random = np.random.default_rng(1)
    first, second = random_conv(random, 3, 4, 1), random_conv(random, 5, 2, 1)
    with pytest.raises(FormatError, match="layer 0 has 4 outputs"):
        IntegerNetwork([first, second], input_low=0, input_high=255)
    signed = random_conv(random, 3, 5, 1, low=-1)
    with pytest.raises(FormatError, match="layer 0 gives -1 to 255"):
        IntegerNetwork([signed, second], input_low=0, input_high=255)
