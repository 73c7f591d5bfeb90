"""The coder of true floats and wide integers: exact, smaller than general coders, safe on any bytes."""

from __future__ import annotations

import contextlib
import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medcodec.codecs.adaptive.floats import decode_floats, encode_floats
from medcodec.errors import FormatError

DTYPES = ["i4", "u4", "i8", "u8", "f2", "f4", "f8"]


def smooth(shape=(1, 8, 40, 44), seed=5):
    """Return a noisy field with structure, float64, made of additions and products only (no libm)."""
    noise = np.random.default_rng(seed).random(shape)
    for axis in (1, 2, 3, 2, 3):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    return noise * noise * 1e-3


def restored_size(voxels):
    """Code and decode; return the number of bytes."""
    data = encode_floats(voxels)
    again = decode_floats(data, voxels.shape, voxels.dtype)
    assert again.dtype == voxels.dtype
    assert again.tobytes() == voxels.tobytes()
    return len(data)


def masked(dtype):
    voxels = smooth().astype(dtype)
    voxels[:, :, :15] = np.nan
    voxels[:, :, :, :9] = 0
    return voxels


FIELDS = {
    "float16": lambda: smooth().astype("f2"),
    "float32": lambda: smooth().astype("f4"),
    "float64": smooth,
    "float32 in float64": lambda: smooth().astype("f4").astype("f8"),
    "through zero": lambda: (smooth() - smooth().mean()).astype("f4"),
    "NaN and zero masks": lambda: masked("f4"),
    "saturated": lambda: np.clip(smooth() * 3 - 20, 0, 1).astype("f4"),
    "few values": lambda: np.rint(smooth() * 20).astype("f4") / 3,
    "repeated": lambda: np.repeat(np.repeat(smooth().astype("f4"), 2, 2), 2, 3),
    "repeated frames": lambda: np.repeat(smooth((1, 3, 40, 44)).astype("f4"), 3, 1),
    "several sequences": lambda: smooth((3, 4, 30, 31)).astype("f4"),
    "one slice": lambda: smooth((1, 1, 90, 95)).astype("f4"),
    "huge": lambda: smooth() * 1e300,
    "tiny": lambda: smooth() * 1e-310,
    "int64": lambda: np.rint(smooth() * 1e12).astype("i8") - 10**12,
    "uint64": lambda: np.rint(smooth() * 1e12).astype("u8") + np.uint64(2**63),
    "int32": lambda: np.rint(smooth() * 1e7).astype("i4") - 10**8,
    "uint32 with low zeros": lambda: np.rint(smooth() * 1e5).astype("u4") << 8,
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_come_back(name):
    restored_size(np.ascontiguousarray(FIELDS[name]()))


@pytest.mark.parametrize("name", FIELDS)
def test_the_vector_path_gives_the_same_bytes(name):
    voxels = np.ascontiguousarray(FIELDS[name]())
    coded = encode_floats(voxels, path="baseline")
    assert coded == encode_floats(voxels)
    assert decode_floats(coded, voxels.shape, voxels.dtype, path="baseline").tobytes() == voxels.tobytes()


@pytest.mark.parametrize("name", [n for n in FIELDS if n != "tiny"])
def test_smaller_than_shuffled_deflate(name):
    zlib = pytest.importorskip("zlib")
    voxels = np.ascontiguousarray(FIELDS[name]())
    planes = voxels.reshape(-1).view(np.uint8).reshape(-1, voxels.dtype.itemsize).T.tobytes()
    assert restored_size(voxels) < 0.97 * len(zlib.compress(planes, 9))


def test_masks_cost_almost_nothing():
    outside = smooth().astype("f4")
    inside = outside[:, :, 15:, 9:]
    assert restored_size(masked("f4")) < 1.05 * restored_size(np.ascontiguousarray(inside))


def test_noise_does_not_grow():
    voxels = np.random.default_rng(0).integers(0, 2**64, (1, 4, 40, 40), np.uint64)
    assert restored_size(voxels) < 1.02 * voxels.nbytes


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_every_kind_of_float(dtype):
    word = np.dtype(f"u{np.dtype(dtype).itemsize}")
    rng = np.random.default_rng(1)
    voxels = rng.integers(0, 2 ** (8 * word.itemsize) - 1, (2, 2, 12, 13), word, endpoint=True).view(dtype)
    voxels[0, 0, 0, :6] = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0]
    voxels.view(word)[0, 1, :2] = 1
    restored_size(voxels)
    restored_size(np.sort(voxels, axis=None).reshape(voxels.shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (1, 1, 1, 9), (1, 1, 9, 1), (5, 1, 1, 1), (2, 3, 1, 2), (1, 7, 2, 3)]
)
def test_odd_shapes(dtype, shape):
    restored_size(np.zeros(shape, dtype))
    restored_size((np.random.default_rng(0).random(shape) * 1000).astype(dtype))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_array_comes_back(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(min_dims=4, max_dims=4, max_side=6))
    restored_size(data.draw(hnp.arrays(dtype, shape)))


def test_golden_stream():
    """The bytes are fixed: streams must decode on any machine, with any compiler."""
    data = encode_floats(smooth((2, 3, 33, 37)).astype("f4"))
    assert (
        hashlib.sha256(data).hexdigest() == "fb090b72c18714ce586f3863c0176322bdcba8e4dd2f97f3bf3f09ebdeaf34d3"
    )
    data = encode_floats(masked("f8"))
    assert (
        hashlib.sha256(data).hexdigest() == "4d51b53eb13412bb8de19ce701dd58a8e4e5bb7eb8de086cdea91c873c1d72f2"
    )


@pytest.mark.parametrize("name", ["float32", "few values", "NaN and zero masks", "int64"])
def test_truncation_is_a_format_error(name):
    voxels = np.ascontiguousarray(FIELDS[name]()[:, :3, 10:24, 5:20])
    data = encode_floats(voxels)
    for end in range(len(data)):
        with pytest.raises(FormatError):
            decode_floats(data[:end], voxels.shape, voxels.dtype)
    with pytest.raises(FormatError):
        decode_floats(data + b"\0", voxels.shape, voxels.dtype)


@pytest.mark.parametrize(
    "name", ["float32", "few values", "NaN and zero masks", "int64", "repeated", "float16"]
)
def test_flipped_bits_do_no_harm(name):
    voxels = np.ascontiguousarray(FIELDS[name]()[:, :3, :14, 5:20])
    data = encode_floats(voxels)
    rng = np.random.default_rng(2)
    start = time.process_time()
    for _ in range(300):
        damaged = bytearray(data)
        place = rng.integers(min(len(data), 40)) if rng.random() < 0.5 else rng.integers(len(data))
        damaged[place] ^= 1 << int(rng.integers(8))
        with contextlib.suppress(FormatError):
            assert decode_floats(bytes(damaged), voxels.shape, voxels.dtype).shape == voxels.shape
    assert time.process_time() - start < 20


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=120),
    st.sampled_from(DTYPES),
    st.sampled_from([(1, 1, 1, 1), (1, 2, 5, 4), (2, 2, 3, 3)]),
)
def test_arbitrary_bytes_are_refused_or_decode(data, name, shape):
    with contextlib.suppress(FormatError):
        decode_floats(data, shape, np.dtype(name))


def test_the_wrong_shape_is_refused():
    data = encode_floats(smooth().astype("f4"))
    with pytest.raises(FormatError, match="float coder"):
        decode_floats(data, (1, 9, 40, 44), np.dtype("f4"))
