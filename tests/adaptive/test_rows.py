"""Boxes coded by rows: what goes in comes out on every path, and damage never does more than fail."""

from __future__ import annotations

import hashlib
import itertools

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_blocks import available_paths, smooth

from medcodec import _native
from medcodec.codecs.adaptive import streams
from medcodec.codecs.adaptive.blocks import decode_blocks, encode_blocks, place_blocks
from medcodec.errors import FormatError

ROWS = 3
SHAPES = [(1, 32, 32, 32), (1, 30, 32, 31), (1, 32, 9, 32), (3, 4, 30, 24), (2, 1, 32, 32), (16, 1, 32, 16)]
SHAPES += [(1, 32, 32, 8), (9, 32, 32, 1), (1, 1, 32, 32), (9, 1, 30, 32), (300, 1, 1, 32), (10, 32, 1, 32)]


def paths() -> list[str]:
    wide = np.arange(2**13, dtype=np.int16).reshape(1, 8, 32, 32)
    stream, found = encode_blocks(wide, by_rows=True), available_paths()
    try:
        decode_blocks(stream, wide.shape, wide.dtype, path="avx512")
    except FormatError:
        return found
    return [*found, "avx512"]


PATHS = paths()


def check(voxels: np.ndarray, mode: int | None = ROWS) -> bytes:
    stream = encode_blocks(voxels, by_rows=True)
    assert mode is None or stream[1] == mode
    for path in PATHS:
        out = decode_blocks(stream, voxels.shape, voxels.dtype, path=path)
        assert out.dtype == voxels.dtype
        np.testing.assert_array_equal(out, voxels, err_msg=path)
    return stream


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip_of_every_shape(shape: tuple[int, ...], dtype: str) -> None:
    voxels = smooth(shape, 100 if dtype.endswith("int8") else 20000).astype(dtype)
    small = voxels.size < 2**13
    check(voxels, None if small or np.ptp(voxels) == 0 else ROWS)


@pytest.mark.parametrize("bits", range(1, 17))
def test_round_trip_of_noise(bits: int) -> None:
    noise = np.random.default_rng(bits).integers(0, 2**bits, (2, 9, 31, 30)).astype(np.uint16)
    stream = check(noise, None)
    assert len(stream) < noise.size * (bits + 0.7) / 8 + 800


def test_round_trip_of_extremes_and_of_values_with_gaps() -> None:
    voxels = np.full((1, 16, 32, 32), -16000, np.int16)
    voxels[:, :, 10:20, 5:32] = 16700
    voxels[:, 1::2, ::3, ::5] = 16767
    voxels[0, :, 7] += np.arange(32, dtype=np.int16)
    check(voxels)
    stream = check(smooth((1, 16, 32, 32), 300).astype(np.int16) * 37 - 5000)
    assert stream[2] & 2


def test_boxes_that_do_not_fit_are_coded_otherwise() -> None:
    for shape in ((1, 33, 32, 32), (1, 32, 33, 32), (1, 32, 32, 33), (1, 7, 32, 32)):
        check(smooth(shape, 900).astype(np.int16), 2)
    check(smooth((1, 32, 32, 32), 60000).astype(np.uint16), 2)
    check(np.full((1, 32, 32, 32), 7, np.uint8), 1)


def test_as_small_as_blocks() -> None:
    rng = np.random.default_rng(4)
    voxels = (smooth((1, 32, 32, 32), 900) + rng.normal(0, 12, (1, 32, 32, 32))).astype(np.int16)
    assert len(check(voxels)) < 1.03 * len(encode_blocks(voxels))


@pytest.mark.parametrize(("effort", "coded_by_rows"), [("fastest", True), ("fast", False)])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_only_the_effort_fastest_codes_by_rows(effort: str, dtype: str, *, coded_by_rows: bool) -> None:
    voxels = (smooth((1, 16, 32, 32), 900)).astype(dtype)
    coded = streams.encode_lossless(voxels, effort=effort)
    np.testing.assert_array_equal(streams.decode(coded, voxels.shape, voxels.dtype), voxels)
    assert (b"\x01\x03\x00" in coded[:40]) == coded_by_rows


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(9, 32), st.integers(17, 32), st.integers(17, 32)),
    st.integers(0, 14),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["uint8", "int16", "int32"]),
)
def test_round_trip_of_noise_of_any_depth(shape: tuple[int, ...], bits: int, seed: int, dtype: str) -> None:
    noise = np.random.default_rng(seed).integers(0, 2 ** min(bits, np.iinfo(dtype).bits - 2), shape)
    outliers = np.random.default_rng(seed + 1).random(shape) < 0.001
    check((smooth(shape, 60) // 2 + noise // 2 + outliers * 60).astype(dtype), None)


def test_golden_stream() -> None:
    """The encoder gives the same bytes on every machine; they may change with a new version of it."""
    stream = check(smooth((2, 9, 30, 31), 3000).astype(np.int16))
    assert hashlib.sha256(stream).hexdigest() == GOLDEN


GOLDEN = "d4e25da794d260c51a11b1cb4eeb3292587e645df51a75aebeddd0a466fe2013"


@pytest.fixture(scope="module")
def damaged_ones() -> list[tuple[bytes, np.ndarray]]:
    made = []
    for shape, dtype, peak in (((1, 8, 32, 32), "uint8", 200), ((2, 9, 31, 17), "int16", 3000)):
        voxels = smooth(shape, peak).astype(dtype)
        voxels[:, ::3, ::7, ::5] = np.iinfo(dtype).max // 3
        made.append((check(voxels), voxels))
    sparse = (smooth((1, 8, 32, 32), 300) * 40).astype(np.int16)
    made.append((check(sparse), sparse))
    return made


def survives(data: bytes, voxels: np.ndarray) -> None:
    """Decoding must give an array or a FormatError, the same on every path."""
    found = set()
    for path in PATHS:
        try:
            found.add(decode_blocks(data, voxels.shape, voxels.dtype, path=path).tobytes())
        except FormatError:
            found.add(b"")
    assert len(found) == 1


def test_truncation_at_every_byte_is_an_error(damaged_ones: list[tuple[bytes, np.ndarray]]) -> None:
    for stream, voxels in damaged_ones:
        for size in range(len(stream)):
            out = np.empty(voxels.shape, voxels.dtype)
            with pytest.raises(RuntimeError):
                _native.blocks_decode(stream[:size], out, path=PATHS[size % len(PATHS)])


def test_bytes_too_many_are_an_error(damaged_ones: list[tuple[bytes, np.ndarray]]) -> None:
    for stream, voxels in damaged_ones:
        for more in (b"\0", b"\0\0", bytes(200)):
            for path in PATHS:
                with pytest.raises(FormatError):
                    decode_blocks(stream + more, voxels.shape, voxels.dtype, path=path)


def test_flipped_bytes_are_survived(damaged_ones: list[tuple[bytes, np.ndarray]]) -> None:
    rng = np.random.default_rng(11)
    for stream, voxels in damaged_ones:
        for number in range(600):
            damaged = bytearray(stream)
            reach = min(len(stream), 40 if number % 3 == 0 else 500 if number % 3 == 1 else len(stream))
            for at in rng.integers(0, reach, rng.integers(1, 4)):
                damaged[at] ^= 1 << int(rng.integers(8))
            survives(bytes(damaged), voxels)


def test_hostile_sizes_and_random_bytes_are_survived(damaged_ones: list[tuple[bytes, np.ndarray]]) -> None:
    rng = np.random.default_rng(12)
    for stream, voxels in damaged_ones[:2]:
        for at, size in ((12, 2), (14, 4), (18, 1), (19, 1), (20, 6)):
            for value in (0, 1, 255, 2 ** (8 * size) - 1, 2 ** (8 * size - 1)):
                hostile = (value % 2 ** (8 * size)).to_bytes(size, "little")
                survives(stream[:at] + hostile + stream[at + size :], voxels)
        for _ in range(300):
            junk = rng.integers(0, 256, rng.integers(0, 900), dtype=np.uint8).tobytes()
            survives(stream[: rng.integers(12, 400)] + junk, voxels)


def test_wrong_shape_is_survived(damaged_ones: list[tuple[bytes, np.ndarray]]) -> None:
    for stream, voxels in damaged_ones:
        for shape in [(1, 1, 1, 1), (1, 8, 32, 31), (1, 32, 32, 32), (8, 1, 32, 32), (0, 8, 32, 32)]:
            survives(stream, np.empty(shape, voxels.dtype))
    with pytest.raises(FormatError, match="type"):
        decode_blocks(damaged_ones[1][0], damaged_ones[1][1].shape, np.dtype(np.uint8))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
def test_parts_of_boxes_go_where_they_should(dtype: str) -> None:
    rng = np.random.default_rng(8)
    shapes = [(1, 32, 32, 32), (2, 9, 31, 30), (1, 3, 40, 7), (3, 2, 2, 2)]
    boxes = [smooth(shape, 90).astype(dtype) for shape in shapes]
    coded = [encode_blocks(box, by_rows=True) for box in boxes]
    stops = np.cumsum([len(stream) for stream in coded]).tolist()
    ranges = [(stop - len(stream), stop) for stop, stream in zip(stops, coded, strict=True)]
    out = np.full((4, 40, 45, 50), 7, dtype)
    expected, cuts = out.copy(), []
    for box, shape in zip(boxes, shapes, strict=True):
        count = [int(rng.integers(size + 1)) for size in shape]
        local = [int(rng.integers(size - n + 1)) for size, n in zip(shape, count, strict=True)]
        target = [int(rng.integers(size - n + 1)) for size, n in zip(out.shape, count, strict=True)]
        cuts.append(list(zip(shape, local, count, target, strict=True)))
        to, of = (
            [slice(at, at + n) for at, n in zip(where, count, strict=True)] for where in (target, local)
        )
        expected[tuple(to)] = box[tuple(of)]
    found = place_blocks(b"".join(coded), ranges, np.array(cuts), out)
    assert found == [google_crc32c.value(box.astype(box.dtype.newbyteorder("<")).tobytes()) for box in boxes]
    np.testing.assert_array_equal(out, expected)


def test_parts_outside_of_boxes_or_arrays_are_refused() -> None:
    stream = encode_blocks(smooth((1, 16, 32, 32), 900).astype(np.int16), by_rows=True)
    out = np.zeros((1, 16, 32, 32), np.int16)
    good = np.array([[[1, 0, 1, 0], [16, 0, 16, 0], [32, 0, 32, 0], [32, 0, 32, 0]]])
    assert place_blocks(stream, [(0, len(stream))], good, out) is not None
    for axis, entry, wrong in itertools.product(range(4), range(4), (-1, 33, 2**31 + 1, 2**62, -(2**63))):
        cuts = good.copy()
        cuts[0, axis, entry] = wrong
        with pytest.raises(FormatError):
            place_blocks(stream, [(0, len(stream))], cuts, out)
    with pytest.raises(FormatError):
        place_blocks(stream, [(0, len(stream))] * 2, good, out)
    for wrong_range in ((0, len(stream) + 1), (9, 8), (0, len(stream) - 1)):
        with pytest.raises(FormatError):
            place_blocks(stream, [wrong_range], good, out)
    assert place_blocks(stream, [(0, len(stream))], good, out.astype(np.float32)) is None
