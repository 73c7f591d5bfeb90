"""True floats and wide integers at quick efforts: exact, about as small as otherwise, safe on any bytes."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_floats import DTYPES, FIELDS, masked, smooth

from medcodec.codecs.adaptive.codec import AdaptiveCodec
from medcodec.codecs.adaptive.floats import encode_floats
from medcodec.codecs.adaptive.mapping_bytes import ByteReader
from medcodec.codecs.adaptive.planes import decode_planes, encode_planes
from medcodec.codecs.base import FrameGroup
from medcodec.errors import FormatError

PLANES = 7


def decoded(data, voxels):
    """Return what data decodes to, in the shape of voxels."""
    return decode_planes(ByteReader(data), voxels.shape, voxels.dtype)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_come_back_at_about_the_size_of_the_float_coder(name):
    voxels = np.ascontiguousarray(FIELDS[name]())
    data = encode_planes(voxels, by_rows=True)
    assert decoded(data, voxels).tobytes() == voxels.tobytes()
    if not name.startswith("repeated"):
        assert len(data) < 1.11 * len(encode_floats(voxels))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), by_rows=st.booleans())
def test_any_array_comes_back(data, by_rows):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(min_dims=4, max_dims=4, max_side=6))
    word = np.dtype(f"u{dtype.itemsize}")
    shift = word.type(data.draw(st.integers(0, 8 * dtype.itemsize - 1)))
    voxels = (data.draw(hnp.arrays(word, shape)) << shift).view(dtype)
    coded = encode_planes(voxels, by_rows=by_rows)
    assert decoded(coded, voxels).tobytes() == voxels.tobytes()


@pytest.mark.parametrize("effort", ["fastest", "fast", "default"])
def test_efforts_take_them_where_they_are_quick_or_smaller(effort):
    voxels = smooth().astype("f4")
    codec = AdaptiveCodec(effort=effort)
    data = codec.encode(FrameGroup(voxels))
    assert codec.decode(data, voxels.shape, voxels.dtype).tobytes() == voxels.tobytes()
    assert effort == "default" or data[0] == PLANES
    assert len(data) <= 1.01 * len(encode_planes(voxels, by_rows=effort != "default"))


def test_golden_stream():
    """The bytes are fixed: streams must decode on any machine, with any compiler."""
    for voxels, wanted in (
        (
            smooth((2, 3, 33, 37)).astype("f4"),
            "e4629964feba9a655efcb83b05de8d9d2db3ae4e5076e485aa5b1a9a7e89e835",
        ),
        (masked("f8"), "f24c91f9da762969cea7ff41be31403d1b3cf77ac570edac233b2424256186cf"),
    ):
        assert hashlib.sha256(encode_planes(voxels, by_rows=True)).hexdigest() == wanted


@pytest.mark.parametrize("name", ["float32", "int64", "float16"])
def test_damage_is_refused_or_decodes_to_something(name):
    voxels = np.ascontiguousarray(FIELDS[name]()[:, :3, :14, 5:20])
    data = encode_planes(voxels, by_rows=True)
    for end in range(0, len(data), 3):
        with pytest.raises(FormatError):
            decoded(data[:end], voxels)
    with pytest.raises(FormatError):
        decoded(data + b"\0", voxels)
    with pytest.raises(FormatError):
        decoded(bytes([8 * voxels.dtype.itemsize]) + data[1:], voxels)
    rng = np.random.default_rng(2)
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        with contextlib.suppress(FormatError):
            assert decoded(bytes(damaged), voxels).shape == voxels.shape


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=120), st.sampled_from([*DTYPES, "u1"]), st.sampled_from([(1, 1, 1, 1), (2, 2, 3, 3)])
)
def test_arbitrary_bytes_are_refused_or_decode(data, name, shape):
    with contextlib.suppress(FormatError):
        decode_planes(ByteReader(data), shape, np.dtype(name))


def test_planes_with_too_many_bits_are_refused():
    wide = np.arange(64, dtype="u4").reshape(1, 1, 8, 8) << np.uint32(12)
    data = encode_planes(wide, by_rows=True)  # 12 low bits are left out: planes of 16 and 4 bits
    other = encode_planes((wide << np.uint32(4)) | np.uint32(0x8100), by_rows=True)  # of 16 and 8
    assert (data[0], other[0]) == (12, 8)
    with pytest.raises(FormatError, match="more than 4 bits"):
        decoded(bytes([12]) + other[1:], wide)


def test_planes_of_noise_are_stored_as_they_are():
    noise = np.random.default_rng(3).integers(0, 1 << 16, (1, 9, 40, 44), np.uint32)
    voxels = (np.uint32(1 << 20) + noise).astype("u4") << np.uint32(1) | np.uint32(1)
    data = encode_planes(voxels, by_rows=True)
    assert decoded(data, voxels).tobytes() == voxels.tobytes()
    assert len(data) < 1.2 * 2 * voxels.size
    assert voxels.astype("<u2").tobytes() in data
