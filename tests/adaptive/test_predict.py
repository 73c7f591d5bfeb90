"""The adaptive kernel: exact, bounded, the same bytes on every vector path, safe on damaged streams."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec import _native
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.predict import MAX_LEVEL, PRESETS, decode_predicted, encode_predicted
from medcodec.errors import FormatError

PATHS = [path for path in ("baseline", "avx2", "avx512") if _native.adaptive_has_path(path)]


def scan(shape: tuple[int, int, int, int], *, top: int = 4000, seed: int = 0) -> np.ndarray:
    """Return smooth structures, noise and a flat background: integers only, the same everywhere."""
    rng = np.random.Generator(np.random.PCG64(seed))
    levels = rng.integers(0, top, shape)
    for axis in (1, 2, 3):
        for _ in range(3):
            levels = (levels + 2 * np.roll(levels, 1, axis) + np.roll(levels, 2, axis)) // 4
    levels = (levels - levels.min()) * 8 + rng.integers(0, 9, shape)
    levels[..., : shape[3] // 4] = 0
    return np.minimum(levels, top).astype(np.int32)


def round_trip(levels: np.ndarray, **options: object) -> np.ndarray:
    data = encode_predicted(levels, **options)
    return decode_predicted(ByteReader(data), levels.shape)


@pytest.mark.parametrize("effort", PRESETS)
@pytest.mark.parametrize(
    "shape",
    [(1, 5, 40, 33), (3, 4, 17, 21), (1, 1, 1, 1), (1, 1, 1, 70), (1, 1, 70, 1), (4, 1, 9, 8), (2, 9, 1, 1)],
)
def test_levels_come_back(effort: str, shape: tuple[int, int, int, int]) -> None:
    levels = scan(shape)
    assert np.array_equal(round_trip(levels, effort=effort), levels)


@pytest.mark.parametrize("top", [0, 1, 255, 256, 65535, 65536, MAX_LEVEL])
def test_any_range_of_levels(top: int) -> None:
    rng = np.random.default_rng(top)
    levels = rng.integers(0, top + 1, (1, 3, 20, 20), dtype=np.int32)
    assert np.array_equal(round_trip(levels, effort="default"), levels)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, n) for n in (3, 4, 12, 40)]),
    top=st.sampled_from([1, 3, 200, 5000, MAX_LEVEL]),
    bound=st.integers(0, 40),
    seed=st.integers(0, 1 << 16),
    spikes=st.booleans(),
)
def test_no_level_is_off_by_more_than_the_bound(
    shape: tuple[int, int, int, int], top: int, bound: int, seed: int, spikes: bool
) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, top + 1, shape, dtype=np.int32)
    if spikes:
        levels = np.where(rng.random(shape) < 0.95, levels.flat[0], levels).astype(np.int32)
    decoded = round_trip(levels, effort="default", max_error=bound)
    assert np.abs(decoded.astype(np.int64) - levels).max() <= bound
    assert decoded.max() <= levels.max()


def test_a_bound_makes_smaller_streams() -> None:
    levels = scan((1, 6, 64, 64))
    sizes = [len(encode_predicted(levels, effort="default", max_error=bound)) for bound in (0, 1, 4, 16)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.7 * sizes[0]


@pytest.mark.parametrize(("preset", "max_error"), [(0, 0), (1, 0), (0, 3), (1, 3), (2, 3), (3, 3)])
def test_every_vector_path_gives_the_same_bytes(preset: int, max_error: int) -> None:
    if len(PATHS) < 2:
        pytest.skip("this processor has only the baseline path")
    levels = scan((2, 3, 37, 45)).astype(np.uint16)
    top = int(levels.max())
    options = {"preset": preset, "max_level": top, "max_error": max_error}
    coded = {path: _native.adaptive_encode(levels.copy(), path=path, **options) for path in PATHS}
    assert len(set(coded.values())) == 1
    decoded = []
    for path in PATHS:
        out = np.empty_like(levels)
        assert _native.adaptive_decode(coded["baseline"], out, path=path, **options)
        decoded.append(out)
    assert all(np.array_equal(decoded[0], other) for other in decoded)


def test_the_width_of_levels_in_memory_does_not_matter() -> None:
    levels = scan((1, 3, 20, 24), top=200)
    coded = {
        _native.adaptive_encode(levels.astype(dtype), preset=0, max_level=200)
        for dtype in (np.uint8, np.uint16, np.uint32)
    }
    assert len(coded) == 1


def test_damaged_streams_are_refused_or_decode_to_levels_in_range() -> None:
    levels = scan((1, 3, 24, 30), top=900)
    data = encode_predicted(levels, effort="default")
    rng = np.random.default_rng(1)
    for trial in range(300):
        broken = bytearray(data)
        if trial % 3 == 0:
            broken = broken[: rng.integers(0, len(broken))]
        elif trial % 3 == 1:
            for _ in range(rng.integers(1, 4)):
                broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
        else:
            broken = bytearray(rng.bytes(rng.integers(0, 2000)))
        try:
            decoded = decode_predicted(ByteReader(bytes(broken)), levels.shape)
        except FormatError:
            continue
        assert decoded.shape == levels.shape
        assert decoded.max() <= MAX_LEVEL


def test_a_truncated_stream_is_refused() -> None:
    levels = scan((1, 2, 16, 16))
    data = encode_predicted(levels, effort="default")
    for length in range(4, len(data)):
        with pytest.raises(FormatError):
            decode_predicted(ByteReader(data[:length]), levels.shape)


def test_the_kernel_refuses_what_it_cannot_code() -> None:
    levels = np.zeros((1, 1, 4, 4), np.uint16)
    with pytest.raises(ValueError, match="preset"):
        _native.adaptive_encode(levels, preset=99, max_level=1)
    with pytest.raises(ValueError, match="max_level"):
        _native.adaptive_encode(levels, preset=0, max_level=MAX_LEVEL + 1)
    with pytest.raises(ValueError, match="above max_level"):
        _native.adaptive_encode(levels + np.uint16(3), preset=0, max_level=2)
    with pytest.raises(ValueError, match="path"):
        _native.adaptive_encode(levels, preset=0, max_level=1, path="abacus")


# Streams of `scan((2, 4, 33, 29))` by preset and bound: made once; they must never change.
GOLDEN = {
    (0, 0): "ac98dd87c2f89bfbd2eb7ae7444103d6acee970b4acd8cb72d0f56ca35e4aa7c",
    (0, 2): "5ec2997c7a5f823371ad55f07b569cc8e7b8b1e7dfef87439b2db047d278244b",
    (1, 0): "cf1c41f2195c60cc0c25607ddba87a5b656e8edc4286d12288779223d43cd7e6",
    (1, 2): "585817ff59a0cbc7b24ddf6914e529d8ffb179c845053d39110fb71413180d05",
    (2, 2): "f47278e04d9c5bdf5e76a2583c8bd64c9a6bffa828758bf2b7fc05c8140b4797",
    (3, 2): "fd95a4fc832db95d6a360c2dad476c199124e9c3547d15c51fd8f41c75032407",
}


@pytest.mark.parametrize(("preset", "max_error"), GOLDEN)
def test_golden_streams(preset: int, max_error: int) -> None:
    levels = scan((2, 4, 33, 29)).astype(np.uint16)
    options = {"preset": preset, "max_level": int(levels.max()), "max_error": max_error}
    data = _native.adaptive_encode(levels, **options)
    head = b"".join(map(unsigned_bytes, options.values()))
    assert hashlib.sha256(head + data).hexdigest() == GOLDEN[preset, max_error]
