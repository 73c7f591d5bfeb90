"""Motions as bytes: round trips, damage, and the bytes that were once written."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcodec.codecs.wavelet.motion import BY_FIELDS, Motion, MotionMode
from medcodec.codecs.wavelet.motion_field import MAX_VECTOR, SPACINGS, MotionField, grid_shape
from medcodec.codecs.wavelet.motion_stream import decode_motion, encode_motion
from medcodec.errors import FormatError

FIELDS = {MotionMode.SKIP: 0, MotionMode.PREVIOUS: 1, MotionMode.NEXT: 1, MotionMode.SYMMETRIC: 1}


def random_motion(random, mode, shape, spacing, largest):
    size = (*grid_shape(shape, spacing), 2)
    fields = [
        random.integers(-largest, largest, size, np.int16, endpoint=True) for _ in range(FIELDS.get(mode, 2))
    ]
    return Motion(mode, tuple(MotionField(spacing, field) for field in fields))


def same(a, b):
    return (
        a.mode is b.mode
        and len(a.fields) == len(b.fields)
        and all(x.spacing == y.spacing for x, y in zip(a.fields, b.fields, strict=True))
        and all((x.vectors == y.vectors).all() for x, y in zip(a.fields, b.fields, strict=True))
    )


shapes = st.tuples(st.integers(1, 150), st.integers(1, 150))


@given(
    mode=st.sampled_from(BY_FIELDS),
    shape=shapes,
    spacing=st.sampled_from(SPACINGS),
    largest=st.sampled_from([0, 1, 5, 100, MAX_VECTOR]),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(mode, shape, spacing, largest, seed):
    motion = random_motion(np.random.default_rng(seed), mode, shape, spacing, largest)
    assert same(decode_motion(encode_motion(motion), shape), motion)


def test_extremes_round_trip():
    shape = (33, 33)
    signs = np.where(np.indices((*grid_shape(shape, 8), 2)).sum(axis=0) % 2, 1, -1)
    field = MotionField(8, (signs * MAX_VECTOR).astype(np.int16))
    motion = Motion(MotionMode.BIDIRECTIONAL, (field, field))
    assert same(decode_motion(encode_motion(motion), shape), motion)


@pytest.mark.parametrize("mode", [MotionMode.SKIP, MotionMode.PREVIOUS, MotionMode.NEXT])
def test_no_motion_is_one_byte(mode):
    data = encode_motion(Motion(mode))
    assert data == bytes([mode])
    assert same(decode_motion(data, (4, 4)), Motion(mode))


def test_opposite_fields_cost_little_more_than_one():
    random = np.random.default_rng(1)
    one = random_motion(random, MotionMode.PREVIOUS, (256, 256), 16, 20).fields[0]
    both = Motion(MotionMode.BIDIRECTIONAL, (one, MotionField(16, -one.vectors)))
    assert len(encode_motion(both)) < len(encode_motion(Motion(MotionMode.PREVIOUS, (one,)))) + 10


@pytest.mark.parametrize(
    "data", [b"", b"\x05", b"\x07", b"\x28", b"\x03", b"\x04", b"\x08ab", b"\x00a", b"\x01\x00", b"\xff"]
)
def test_wrong_first_bytes_are_refused(data):
    with pytest.raises(FormatError, match="motion of a frame"):
        decode_motion(data, (16, 16))


@given(data=st.binary(max_size=60), code=st.integers(0, 40), shape=shapes)
def test_hostile_bytes(data, code, shape):
    try:
        motion = decode_motion(bytes([code]) + data, shape)
    except FormatError:
        return
    assert all(np.abs(field.vectors).max() <= MAX_VECTOR for field in motion.fields)


@given(seed=st.integers(0, 2**32 - 1), two=st.booleans())
def test_damage_is_an_error_or_another_motion(seed, two):
    random = np.random.default_rng(seed)
    mode = MotionMode.BIDIRECTIONAL if two else MotionMode.SYMMETRIC
    data = encode_motion(random_motion(random, mode, (100, 90), 8, 30))
    broken = bytearray(data)
    broken[random.integers(len(data))] ^= 1 << random.integers(8)
    for damaged in (bytes(broken), data[: random.integers(len(data))], data + b"a" * 9):
        try:
            motion = decode_motion(damaged, (100, 90))
        except FormatError:
            continue
        assert all(np.abs(field.vectors).max() <= MAX_VECTOR for field in motion.fields)


def test_truncation_and_excess_are_errors():
    data = encode_motion(random_motion(np.random.default_rng(2), MotionMode.SYMMETRIC, (100, 100), 8, 300))
    for wrong in (data[: len(data) // 2], data + bytes(8)):
        with pytest.raises(FormatError, match="damaged"):
            decode_motion(wrong, (100, 100))


def test_golden_stream():
    i, j = np.indices(grid_shape((70, 90), 16))
    fields = [
        np.stack([k * (i * i - 3 * j) + j % 2, 5 * i - k * j], axis=2).astype(np.int16) for k in (1, -2)
    ]
    motion = Motion(MotionMode.BIDIRECTIONAL, tuple(MotionField(16, field) for field in fields))
    assert hashlib.sha256(encode_motion(motion)).hexdigest()[:16] == "4cd274ed92966858"
