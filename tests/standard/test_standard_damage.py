"""Damaged streams give an error of ours: never another one, a crash, a hang or a picture of another size."""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import pytest
from standard_cases import LOSSLESS, LOSSY, Case, names, round_trip, usable

from medcodec.codecs.base import Codec
from medcodec.container.checksums import crc32c
from medcodec.errors import FormatError, IntegrityError

CASES = [LOSSLESS[0], *LOSSLESS[2:], LOSSY[0], *LOSSY[2:8]]
FLIPS = {"sz3": 6, "sperr": 6}


def forged(body: bytes) -> bytes:
    """Return a payload whose own checksum is good."""
    return struct.pack("<I", crc32c(body)) + body


def decode(codec: Codec, data: bytes, voxels: np.ndarray) -> None:
    decoded = codec.decode(data, voxels.shape, voxels.dtype)
    assert decoded.shape == voxels.shape
    assert decoded.dtype == voxels.dtype


@pytest.fixture(scope="module")
def voxels() -> np.ndarray:
    y, x = np.mgrid[:40, :50]
    noise = np.random.default_rng(1).normal(0, 8, (1, 3, 40, 50))
    return (500 + 300 * np.sin(x / 9) * np.cos(y / 7) + noise).astype(np.int16)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_any_damage_is_found(case: Case, voxels: np.ndarray) -> None:
    codec = usable(case)
    data, _ = round_trip(codec, voxels)
    rng = np.random.default_rng(5)
    for at in rng.integers(0, len(data), 20):
        broken = bytearray(data)
        broken[at] ^= 1 << int(rng.integers(8))
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(bytes(broken), voxels.shape, voxels.dtype)
    for length in (0, 3, 10, len(data) // 2, len(data) - 1):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(data[:length], voxels.shape, voxels.dtype)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_damage_behind_a_good_checksum(case: Case, voxels: np.ndarray) -> None:
    codec = usable(case)
    body = round_trip(codec, voxels)[0][4:]
    rng = np.random.default_rng(6)
    for _ in range(FLIPS.get(codec.name, 40)):
        broken = bytearray(body)
        for at in rng.integers(0, len(body), int(rng.integers(1, 6))):
            broken[at] = int(rng.integers(256))
        with suppress(FormatError, IntegrityError):
            decode(codec, forged(bytes(broken)), voxels)
    for length in rng.integers(0, len(body), FLIPS.get(codec.name, 10)):
        with pytest.raises((FormatError, IntegrityError)):
            decode(codec, forged(body[:length]), voxels)


@pytest.mark.parametrize("case", CASES, ids=names)
def test_a_stream_of_another_shape_is_refused(case: Case, voxels: np.ndarray) -> None:
    codec = usable(case)
    data, _ = round_trip(codec, voxels)
    for shape in ((1, 2, 40, 50), (1, 4, 40, 50), (1, 3, 200, 50), (1, 3, 40, 300)):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(data, shape, voxels.dtype)
