"""The fast coder: what goes in comes out, paths give the same bytes, damage never does more than fail."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medcodec import _native
from medcodec.codecs.adaptive import streams
from medcodec.codecs.adaptive.blocks import encode_blocks
from medcodec.codecs.adaptive.fast import MAX_LEVEL, decode_fast, encode_fast
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.errors import FormatError

PATHS = [path for path in ("baseline", "avx2", "avx512") if _native.fast_has_path(path)]


def smooth(shape, peak, seed=1):
    """A moving blob with noise, in integers only: the same array on every machine."""
    s, f, y, x = np.indices(shape, dtype=np.int64)
    state = (s * 7919 + f * 104729 + y * 1299709 + x * 15485863 + seed * 32452843) & 0xFFFFFFFF
    for _ in range(3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        state ^= state >> 13
    bowl = (x - shape[3] // 2 - f) ** 2 + (y - shape[2] // 2 + s) ** 2
    return (peak * 900 // (1000 + bowl)) + (state % (peak // 50 + 1))


def check(levels, paths=PATHS, max_error=0):
    given = levels.copy()
    coded = {encode_fast(levels, max_error=max_error, path=path) for path in paths}
    np.testing.assert_array_equal(levels, given)
    assert len(coded) == 1
    (stream,) = coded
    decoded = [decode_fast(ByteReader(stream), levels.shape, path=path) for path in paths]
    for each in decoded:
        np.testing.assert_array_equal(each, decoded[0])
    assert np.abs(decoded[0].astype(np.int64) - levels).max() <= max_error
    return stream


SHAPES = [
    (1, 1, 1, 1), (1, 1, 1, 2), (5, 1, 1, 1), (1, 7, 1, 1), (1, 1, 300, 1), (1, 1, 1, 300), (3, 5, 1, 1),
    (2, 3, 4, 5), (1, 4, 17, 15), (1, 4, 15, 17), (2, 2, 33, 31), (1, 3, 2, 40), (3, 1, 40, 48),
    (2, 3, 64, 65), (1, 4, 9, 129), (2, 3, 5, 300),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("peak", [1, 100, 20000, MAX_LEVEL // 2])
def test_round_trip_of_every_shape(shape, peak):
    check(smooth(shape, peak))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_may_be_given_by_a_table(dtype):
    numbers = smooth((1, 3, 40, 50), 200).astype(dtype)
    level_of = np.zeros(1 << 8 * numbers.itemsize, np.uint16)
    level_of[: numbers.max() + 1] = 3 * np.arange(numbers.max() + 1)
    numbers.flags.writeable = False
    assert encode_fast(numbers, level_of=level_of) == encode_fast(level_of[numbers])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.parametrize("step", [1, 3])
def test_integers_below_zero_and_with_gaps(dtype, step):
    info = np.iinfo(dtype)
    voxels = (info.max - 250 + step * smooth((1, 4, 40, 50), 80)).astype(dtype)
    voxels[0, 0, 0, 0] = info.min
    coded = streams.encode_lossless(voxels, effort="fast")
    np.testing.assert_array_equal(streams.decode(coded, voxels.shape, voxels.dtype), voxels)
    voxels.flags.writeable = False
    assert streams.encode_lossless(voxels, effort="fast") == coded


@pytest.mark.parametrize("bits", [1, 8, 12, 16, 20])
@pytest.mark.parametrize("shape", [(2, 3, 48, 50), (1, 1, 130, 200)])
def test_noise_costs_little_more_than_its_bits(bits, shape):
    noise = np.random.default_rng(3).integers(0, 1 << bits, shape)
    assert len(check(noise)) * 8 <= noise.size * (bits + 0.5)


def test_round_trip_of_extremes():
    levels = np.zeros((2, 4, 40, 140), np.int32)
    levels[:, :, 10:20, 5:33] = MAX_LEVEL
    levels[:, 1::2, ::3, ::5] = MAX_LEVEL
    check(levels)


def test_masked_background_is_nearly_free():
    levels = np.zeros((1, 8, 256, 256), np.int32)
    levels[:, :, 100:140, 100:140] = smooth((1, 8, 40, 40), 1000)
    alone = len(encode_fast(levels[:, :, 100:140, 100:140]))
    assert len(check(levels)) < alone + 3000


def interpolated(frames):
    """Noise between whose samples three were filled in by lines, which a fitted predictor finds out."""
    coarse = smooth((1, frames, 65, 65), 40000)[0] % 4096
    rows = np.stack([(coarse[:, :-1] * (4 - k) + coarse[:, 1:] * k) for k in range(4)], axis=2).reshape(
        frames, -1, 65
    )
    both = np.stack([(rows[..., :-1] * (4 - k) + rows[..., 1:] * k) for k in range(4)], axis=3)
    return both.reshape(1, frames, 256, 256) // 16


def test_what_a_predictor_can_learn_is_learned():
    levels = interpolated(2)
    assert len(check(levels)) < 0.9 * len(encode_blocks(levels))


def test_frames_and_sequences_serve_as_references():
    frame = smooth((1, 1, 96, 96), 3000)
    again = np.broadcast_to(frame, (2, 4, 96, 96))
    assert len(check(again)) < 1.6 * len(check(frame))


shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 20), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, shapes, elements=st.integers(0, MAX_LEVEL)))
def test_round_trip_of_any_array(levels):
    check(levels)


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 19), st.integers(0, 2**32 - 1))
def test_round_trip_of_noise_of_any_depth(shape, bits, seed):
    noise = np.random.default_rng(seed).integers(0, 2**bits, shape)
    check(smooth(shape, 60) + noise // 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("peak", [100, MAX_LEVEL // 2])
@pytest.mark.parametrize("max_error", [1, 6, MAX_LEVEL // 2])
def test_bounds_hold_for_every_shape(shape, peak, max_error):
    check(smooth(shape, peak), max_error=max_error)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, shapes, elements=st.integers(0, MAX_LEVEL)), st.integers(1, MAX_LEVEL))
def test_bounds_hold_for_any_array(levels, max_error):
    check(levels, max_error=max_error)


def test_a_bound_of_noise_saves_what_its_steps_are_worth():
    levels = smooth((1, 4, 96, 96), 3000)
    saved = 8 * (len(check(levels)) - len(check(levels, max_error=3))) / levels.size
    assert saved > 0.95 * np.log2(7)


def test_solid_background_stays_what_it_is():
    levels = smooth((1, 4, 96, 96), 100)
    levels[..., :40] = 0
    decoded = decode_fast(ByteReader(check(levels, max_error=5)), levels.shape)
    assert np.count_nonzero(decoded[..., :40]) < 0.001 * decoded[..., :40].size


def test_long_streams_have_parts():
    levels = smooth((1, 3, 256, 256), 100)  # more symbols than a part has
    stream = check(levels)
    for size in (len(stream) // 2, len(stream) - 8):
        with pytest.raises(FormatError):
            decode_fast(ByteReader(stream[:size]), levels.shape)


GOLDEN = {
    "uint8": "db719a1b4f75ca36746aca811dfcea604e9be5d23607201ea886433bf9616450",
    "uint16": "651cd467b122ff62e6efe43b60ecde6f8cfe0a1a34a31ab1549f470524d1e887",
    "uint32": "a554e0cda47cd0c319119e99359c39a31afa3924e88a8fbe6eec67df423578ea",
}


@pytest.mark.parametrize("dtype", GOLDEN)
def test_golden_streams(dtype):
    peak = {"uint8": 200, "uint16": 3000, "uint32": 1 << 19}[dtype]
    levels = smooth((2, 3, 70, 190), peak).astype(dtype)
    stream = ByteReader(check(levels))
    assert stream.unsigned() == 2
    top = unsigned_bytes(stream.unsigned())
    assert stream.unsigned() == 0
    # Of one part, and without the bound: a stream of version 1.
    first = b"\1" + top + stream.rest()
    assert hashlib.sha256(first).hexdigest() == GOLDEN[dtype]
    np.testing.assert_array_equal(decode_fast(ByteReader(first), levels.shape), levels)


@pytest.fixture(scope="module")
def coded():
    made = []
    for peak in (200, 3000, 1 << 19):
        levels = smooth((2, 2, 24, 40), peak)
        made += [(encode_fast(levels, max_error=error), levels.shape) for error in (0, 4)]
    return made


def survives(data, shape):
    """Decoding must give levels in range or a FormatError; anything else fails the test or the process."""
    for path in PATHS:
        try:
            levels = decode_fast(ByteReader(data), shape, path=path)
        except FormatError:
            continue
        assert levels.shape == shape


def test_truncation_is_an_error(coded):
    for stream, shape in coded:
        for size in range(0, len(stream), 1 + len(stream) // 200):
            with pytest.raises(FormatError):
                decode_fast(ByteReader(stream[:size]), shape)


def test_flipped_bytes_are_survived(coded):
    rng = np.random.default_rng(11)
    for stream, shape in coded:
        for _ in range(150):
            damaged = bytearray(stream)
            head = rng.random() < 0.5
            for at in rng.integers(0, 40 if head else len(stream), rng.integers(1, 4)):
                damaged[at % len(stream)] = rng.integers(256)
            survives(bytes(damaged), shape)


def test_random_bytes_are_survived(coded):
    rng = np.random.default_rng(12)
    for _ in range(200):
        head = bytes([rng.integers(1, 4), rng.integers(256)]) if rng.random() < 0.8 else b""
        survives(head + rng.integers(0, 256, rng.integers(0, 400), dtype=np.uint8).tobytes(), coded[1][1])


def test_appended_bytes_are_an_error(coded):
    stream, shape = coded[0]
    with pytest.raises(FormatError):
        decode_fast(ByteReader(stream + b"\0"), shape)


def test_newer_versions_are_refused(coded):
    stream, shape = coded[0]
    with pytest.raises(FormatError, match="newer"):
        decode_fast(ByteReader(b"\4" + stream[1:]), shape)


def test_the_effort_uses_it():
    voxels = (interpolated(2) - 300).astype(np.int16)
    data = streams.encode_lossless(voxels, effort="fast")
    np.testing.assert_array_equal(streams.decode(data, voxels.shape, voxels.dtype), voxels)
    assert len(data) < 0.9 * len(streams.encode_lossless(voxels, effort="fastest"))
