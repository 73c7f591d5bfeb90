"""The label coder gives back what it was given, is small where it should be, and survives damage."""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec.errors import FormatError

native = pytest.importorskip("medcodec._native", reason="the native kernel is not built")

Levels = npt.NDArray[np.uint8]
HEADER_BYTES = 3
ISLANDS = 2


def code(levels: Levels) -> int:
    """Return the coded size, after checked round trips."""
    data = native.labels_encode(levels)
    for coded in (data, native.labels_encode(levels, quick=True)):
        decoded = native.labels_decode(coded, levels.shape)
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, levels)
    return len(data)


def ellipsoids(shape: tuple[int, int, int], count: int, seed: int = 1) -> Levels:
    """Smooth label map, (1, frames, height, width), with labels 0..count."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, n) for n in shape], indexing="ij"))
    out = np.zeros(shape, np.uint8)
    for label in range(1, count + 1):
        centre, radius = rng.random(3), rng.uniform(0.1, 0.3, 3)
        out[(((grid - centre[:, None, None, None]) / radius[:, None, None, None]) ** 2).sum(0) < 1] = label
    return out[None]


def noisy_ramp(levels: int, shape: tuple[int, int, int, int] = (1, 6, 40, 50)) -> Levels:
    rng = np.random.default_rng(2)
    ramp = np.indices(shape).sum(0) * levels / sum(shape)
    return np.clip(ramp + rng.normal(0, 0.7, shape), 0, levels - 1).astype(np.uint8)


def islands(background: int, shape: tuple[int, int, int] = (8, 48, 56), sequences: int = 1) -> Levels:
    """Noisy waves in blobs, (sequences, frames, height, width), with outliers, on one level."""
    rng = np.random.default_rng(4)
    z, y, x = np.indices(shape)
    blobs = np.stack([ellipsoids(shape, 12, seed)[0] for seed in range(sequences)])
    waves = 110 + 60 * np.sin(x / 9 + z / 5) * np.cos(y / 7 + blobs) + rng.normal(0, 3, blobs.shape)
    grey = np.where(rng.random(blobs.shape) < 0.01, rng.integers(0, 256, blobs.shape), waves)
    return np.where(blobs > 0, np.clip(grey, 0, 255), background).astype(np.uint8)


CASES = {
    "constant": np.zeros((1, 4, 16, 16), np.uint8),
    "one voxel": np.full((1, 1, 1, 1), 255, np.uint8),
    "one row": np.arange(200, dtype=np.uint8).reshape(1, 1, 1, 200),
    "one column": np.arange(200, dtype=np.uint8).reshape(1, 1, 200, 1) // 7,
    "many tiny frames": np.arange(240, dtype=np.uint8).reshape(12, 20, 1, 1),
    "random bytes": np.random.default_rng(0).integers(0, 256, (2, 2, 30, 31), np.uint8),
    "random bits": np.random.default_rng(0).integers(0, 2, (1, 5, 30, 31), np.uint8),
    "nine random levels": np.random.default_rng(0).integers(0, 9, (3, 1, 30, 31), np.uint8),
    "checkerboard": (np.indices((1, 4, 64, 64)).sum(0) % 2).astype(np.uint8),
    "ramp": np.indices((1, 3, 64, 256))[3].astype(np.uint8),
    "spike": np.eye(1, 16 * 64 * 64, 9000, dtype=np.uint8).reshape(1, 16, 64, 64),
    "organs": ellipsoids((12, 40, 40), 9),
    "four-dimensional": np.stack([ellipsoids((6, 32, 32), 3, seed)[0] for seed in (1, 1, 2)]),
    "two levels of noise": noisy_ramp(2),
    "eight noisy levels": noisy_ramp(8),
    "many noisy levels": noisy_ramp(256),
    "islands": islands(0),
    "islands on white": islands(255),
    "islands on grey": islands(130, (3, 24, 28), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_round_trip(name: str) -> None:
    code(CASES[name])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_round_trip_of_any_shape(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 12), min_size=4, max_size=4)))
    levels = data.draw(st.sampled_from([1, 2, 3, 5, 17, 256]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    smooth = data.draw(st.integers(1, 6))
    voxels = rng.integers(0, levels, shape, np.uint8)
    code(np.ascontiguousarray(np.repeat(voxels, smooth, axis=data.draw(st.integers(0, 3)))))


def test_random_levels_are_stored() -> None:
    levels = np.random.default_rng(0).integers(0, 16, (1, 4, 64, 64), np.uint8)
    assert code(levels) == HEADER_BYTES + levels.size // 2


def test_constant_areas_cost_almost_nothing() -> None:
    assert code(np.zeros((1, 64, 256, 256), np.uint8)) == HEADER_BYTES
    assert code(CASES["spike"]) < 20
    assert code(CASES["checkerboard"]) < 20


def test_repeated_frames_cost_almost_nothing() -> None:
    frame = np.random.default_rng(0).integers(0, 7, (1, 1, 48, 48), np.uint8)
    other = frame[..., ::-1]
    once = code(np.concatenate([frame, other], axis=1))
    often = code(np.ascontiguousarray(np.tile(np.concatenate([frame, other], axis=1), (5, 8, 1, 1))))
    assert often < once + 80


def test_label_map_is_half_of_xz() -> None:
    levels = ellipsoids((48, 96, 96), 30)
    assert 2 * code(levels) < len(lzma.compress(levels.tobytes(), preset=9 | lzma.PRESET_EXTREME))


def test_real_segmentations_are_half_of_xz(data_dir: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    for path in sorted(data_dir.glob("test/acdc/*_gt.nii.gz"))[:2]:
        voxels = np.asanyarray(nibabel.load(path).dataobj).astype(np.uint8)
        levels = np.ascontiguousarray(voxels.transpose(2, 3, 1, 0))
        assert 2 * code(levels) < len(lzma.compress(levels.tobytes(), preset=9 | lzma.PRESET_EXTREME))


GOLDEN = {
    "organs": "1a39279d16b1a3dafa8ab6d96a1b70da250127092dff9d8e2fe683f3bc507415",
    "four-dimensional": "5ff85880f4f190bced75810b180b9695dd1a3caf53c11a5fc5c51a7e94c7d173",
    "two levels of noise": "b4e02944b1db865123befb0fa1a001195b2165c8434c9292a12097986b231763",
    "eight noisy levels": "138544080fe8415bdcba512734e9dbfef56681b68c06dc15b7e561a464ac9511",
    "many noisy levels": "3142724c8fe50ac24f2123abf8618384a37d557492a55ee06b92a80231208223",
    "islands": "bbb956a3af0c0e84ab3e0cf8559465d276ca5828784dbbfe411ea47651663bf0",
    "nine random levels": "7dfdf876791956f2c4274697d37d4fe29a017ac4db655eeb1bd40712b83f3f9b",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_stream_does_not_change(name: str) -> None:
    assert hashlib.sha256(native.labels_encode(CASES[name])).hexdigest() == GOLDEN[name]


def test_islands_do_not_change() -> None:
    data = native.labels_encode(CASES["islands on grey"], quick=True)
    assert (
        hashlib.sha256(data).hexdigest() == "ae5295dd714beedbc4805a5a9609244685b029f702b322519645c4f6377eff48"
    )


@pytest.mark.parametrize("name", ["islands", "islands on white", "islands on grey"])
def test_islands_are_found_and_small(name: str) -> None:
    data = native.labels_encode(CASES[name], quick=True)
    assert data[0] == ISLANDS
    assert len(data) < 0.85 * len(lzma.compress(CASES[name].tobytes(), preset=9 | lzma.PRESET_EXTREME))


def decode_damaged(data: bytes, shape: tuple[int, ...]) -> None:
    """Damage gives a FormatError or voxels of the right shape; checksums are the container's."""
    with contextlib.suppress(FormatError):
        assert native.labels_decode(data, shape).shape == shape


@pytest.mark.parametrize(
    "name", ["organs", "eight noisy levels", "random bytes", "four-dimensional", "islands on grey"]
)
def test_damage_is_survived(name: str) -> None:
    levels = CASES[name]
    data = native.labels_encode(levels, quick=name.startswith("islands"))
    rng = random.Random(3)
    for _ in range(40):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        decode_damaged(bytes(flipped), levels.shape)
    for size in range(min(len(data), 40)):
        decode_damaged(data[:size], levels.shape)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_arbitrary_bytes_are_survived(tail: bytes, count: int, mode: int) -> None:
    decode_damaged(tail, (2, 3, 9, 10))
    decode_damaged(bytes([1, count, mode]) + tail, (2, 3, 9, 10))
    decode_damaged(bytes([ISLANDS, count, mode % 2, mode // 2]) + tail, (2, 3, 9, 10))


BROKEN_HEADERS = {
    "nothing": b"",
    "too short": b"\x01\x01",
    "too short for islands": b"\x02\x01\x00",
    "unknown version": b"\x03\x01\x03\x00",
    "stored bytes that are not needed": b"\x01\x00\xff\x00",
    "stored bytes missing": b"\x01\x01\xff",
    "table too large": b"\x01\x01\x0b",
    "islands' table too large": b"\x02\x01\x01\x00",
    "islands on a level that there is not": b"\x02\x01\x00\x02",
    "islands of no level": b"\x02\x00\x00\x00",
}


@pytest.mark.parametrize("data", BROKEN_HEADERS.values(), ids=BROKEN_HEADERS.keys())
def test_broken_headers_are_named(data: bytes) -> None:
    with pytest.raises(FormatError, match="label stream"):
        native.labels_decode(data, (1, 2, 8, 8))


def test_surplus_bytes_are_refused() -> None:
    levels = CASES["organs"]
    data = native.labels_encode(levels)
    with pytest.raises(FormatError, match="label stream"):
        native.labels_decode(data + bytes(9), levels.shape)
