"""Motion of blocks: compensation as documented, streams, damage, the search, and what files gain by it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wavelet_cases import coded, pieces

from medcodec._native import BlockContexts
from medcodec.codecs.wavelet import codec as codec_module
from medcodec.codecs.wavelet.block_motion import (
    LARGEST_BLOCK,
    UNITS,
    MotionBlocks,
    search_blocks,
    units_shape,
)
from medcodec.codecs.wavelet.encoder import Effort
from medcodec.codecs.wavelet.motion import Motion, MotionMode, compensate
from medcodec.codecs.wavelet.motion_field import MotionField, grid_shape, warp
from medcodec.codecs.wavelet.motion_stream import decode_motion, encode_motion
from medcodec.errors import FormatError

STILL, PREVIOUS, NEXT, BOTH = range(4)
LARGEST = 512
OLDER = (
    "1d3a1c14201b8ca584cb82dd95d00a4fe7d635515ee1acfcffdcb4864ebfac0497434911c9f8a0ad5e941c80fb0e92b8eb8baae7f37ef7"
    "2dbd0523d08e6ddd69cb4e43036b6431"
)


def random_blocks(random, shape, unit, *, both=True, largest=LARGEST):
    """Return blocks split at random."""
    units = np.zeros(units_shape(shape, unit), np.int16)

    def fill(row, column, log2):
        if row >= units.shape[0] or column >= units.shape[1]:
            return
        if log2 and random.random() < 0.6:
            half = 1 << (log2 - 1)
            for quarter in range(4):
                fill(row + quarter // 2 * half, column + quarter % 2 * half, log2 - 1)
            return
        kind = int(random.integers(4 if both else 2))
        vectors = random.integers(-largest, largest, (2, 2), endpoint=True)
        vectors[0] *= kind in (PREVIOUS, BOTH)
        vectors[1] *= kind in (NEXT, BOTH)
        units[row : row + (1 << log2), column : column + (1 << log2)] = [log2, kind, *vectors.ravel()]

    root = LARGEST_BLOCK // unit
    for row in range(0, units.shape[0], root):
        for column in range(0, units.shape[1], root):
            fill(row, column, root.bit_length() - 1)
    return MotionBlocks(unit, units)


def motion_of(blocks, *, both=True):
    return Motion(MotionMode.BLOCKS if both else MotionMode.BLOCKS_PREVIOUS, blocks=blocks)


def moved(frame, vector):
    """Return a frame moved by a vector in 1/2 pixel, by the other kind of motion."""
    field = np.empty((*grid_shape(frame.shape, 32), 2), np.int16)
    field[...] = 4 * np.asarray(vector)
    return warp(frame, MotionField(32, field))


def axis_weights(first, last, unit, length):
    """Return a block's weights along an axis, as documented."""
    x, twice = np.arange(length), 2 * unit
    rising = np.full(length, twice) if first == 0 else 2 * (x - first) + 1 + unit
    falling = np.full(length, twice) if last >= length else 2 * (last - x) - 1 + unit
    return np.clip(np.minimum(rising, falling), 0, twice).astype(np.int64)


def reference_compensate(blocks, frames):
    unit, units, shape = blocks.unit, blocks.units, frames[0].shape
    sums = [np.full(shape, 2 * unit * unit, np.int64) for _ in frames]
    for row, column in np.ndindex(units.shape[:2]):
        log2, kind, *vectors = units[row, column].tolist()
        side = 1 << log2
        if row % side or column % side:
            continue
        down, across = (
            axis_weights(at * unit, (at + side) * unit, unit, length)
            for at, length in zip((row, column), shape, strict=True)
        )
        samples = [moved(frame, vectors[2 * i : 2 * i + 2]) for i, frame in enumerate(frames)]
        for i in range(len(frames)):
            source = {PREVIOUS: 0, NEXT: 1}.get(kind, i)
            sums[i] += np.outer(down, across) * samples[source]
    return [total // (4 * unit * unit) for total in sums]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 90), (64, 64), (77, 53), (130, 70)], ids=str)
def test_compensation_is_as_documented(shape, unit):
    random = np.random.default_rng([*shape, unit])
    frames = [random.integers(0, 65536, shape).astype(np.int32) for _ in range(2)]
    blocks = random_blocks(random, shape, unit, largest=60)
    for found, wanted in zip(
        compensate(*frames, motion_of(blocks)), reference_compensate(blocks, frames), strict=True
    ):
        assert np.array_equal(found, wanted)
    alone = random_blocks(random, shape, unit, both=False, largest=LARGEST)
    found, nothing = compensate(frames[0], None, motion_of(alone, both=False))
    assert nothing is None
    assert np.array_equal(found, reference_compensate(alone, frames[:1])[0])


@given(
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    unit=st.sampled_from(UNITS),
    both=st.booleans(),
    largest=st.sampled_from([0, 1, 9, LARGEST]),
    seed=st.integers(0, 2**32 - 1),
)
def test_round_trip(shape, unit, both, largest, seed):
    blocks = random_blocks(np.random.default_rng(seed), shape, unit, both=both, largest=largest)
    coder, decoder, sizes = BlockContexts(), BlockContexts(), []
    for _ in range(3):  # frames, each coded with what was learnt in those before
        data = encode_motion(motion_of(blocks, both=both), coder)
        back = decode_motion(data, shape, decoder)
        assert back.mode is motion_of(blocks, both=both).mode
        assert back.blocks.unit == unit
        assert np.array_equal(back.blocks.units, blocks.units)
        sizes.append(len(data))
    assert sizes[2] <= sizes[0] + 2


@given(seed=st.integers(0, 2**32 - 1), both=st.booleans())
def test_damage_is_an_error_or_another_motion(seed, both):
    random, shape = np.random.default_rng(seed), (100, 90)
    frames = [np.full(shape, 7, np.int32), np.full(shape, 7, np.int32) if both else None]
    data = encode_motion(motion_of(random_blocks(random, shape, 8, both=both), both=both))
    broken = bytearray(data)
    broken[random.integers(len(data))] ^= 1 << random.integers(8)
    noise = data[:1] + random.bytes(40)
    for damaged in (bytes(broken), data[: random.integers(1, len(data))], data + b"a" * 9, noise):
        try:
            motion = decode_motion(damaged, shape)
        except FormatError:
            continue
        if motion.uses_next == both:
            compensate(frames[0], frames[1], motion)


@pytest.mark.parametrize("first", [5, 6, 5 + 8, 6 + 8 * 4, 5 + 64, 6 + 64 + 8, 5 + 128 + 16, 4 + 64 + 16])
def test_units_that_streams_do_not_have_are_refused(first):
    with pytest.raises(FormatError, match="motion of a frame"):
        decode_motion(bytes([first]) + bytes(20), (64, 64))


def test_units_that_are_no_blocks_are_refused():
    good = random_blocks(np.random.default_rng(0), (80, 80), 16).units
    for place, value in [((0, 0, 0), 3), ((1, 1, 1), 4), ((0, 0, 2), 513), ((4, 4, 1), -1)]:
        wrong = good.copy()
        wrong[place] = value
        with pytest.raises(ValueError, match="do not make blocks"):
            encode_motion(motion_of(MotionBlocks(16, wrong)))


def test_a_mode_goes_with_its_blocks():
    blocks = random_blocks(np.random.default_rng(0), (80, 80), 16)
    for arguments in [(MotionMode.SKIP, (), blocks), (MotionMode.BLOCKS, (), None)]:
        with pytest.raises(ValueError, match="blocks"):
            Motion(*arguments)
    frame = np.zeros((80, 96), np.int32)
    with pytest.raises(ValueError, match="do not fit the frame"):
        blocks.compensate(frame, frame)


def test_golden_stream():
    blocks = random_blocks(np.random.default_rng(5), (150, 170), 8, largest=30)
    assert hashlib.sha256(encode_motion(motion_of(blocks))).hexdigest()[:16] == "d45d4c190ae9435b"


def test_stream_of_older_versions():
    """Blocks were coded without what other frames had taught, and still are read."""
    data = bytes.fromhex(OLDER)
    blocks = random_blocks(np.random.default_rng(2), (128, 128), 16, largest=30)
    known = BlockContexts()
    for _ in range(2):
        assert np.array_equal(decode_motion(data, (128, 128), known).blocks.units, blocks.units)
    with pytest.raises(FormatError, match="motion of a frame"):
        decode_motion(data[:-8], (128, 128), known)


@pytest.mark.parametrize("unit", UNITS)
def test_search_finds_what_moves(unit):
    """Two halves that move against each other, each known to one of the references only."""
    random = np.random.default_rng(4)
    wide = np.kron(random.integers(100, 4000, (40, 48)), np.ones((4, 4))).astype(np.int32)
    target = wide[16:144, 16:176].copy()
    previous, following = wide[19:147, 14:174].copy(), wide[12:140, 20:180].copy()
    previous[:, 80:], following[:, :80] = 0, 0
    blocks = search_blocks(target, previous, following, penalty=200.0, unit=unit, reach=6)
    inner = blocks.units[1:-1, 1:-1]
    middle = inner.shape[1] // 2
    left, right = inner[:, : middle - 1, 1:].reshape(-1, 5), inner[:, middle + 1 :, 1:].reshape(-1, 5)
    assert {tuple(unit) for unit in left.tolist()} == {(PREVIOUS, -6, 4, 0, 0)}
    assert {tuple(unit) for unit in right.tolist()} == {(NEXT, 0, 0, 8, -8)}


def test_search_finds_parts_of_a_pixel():
    y, x = np.indices((128, 128))
    frame = np.rint(2000 + 900 * np.sin(y / 3.1 + x / 9) * np.cos(x / 4.3)).astype(np.int32)
    vector = (-3, 5)
    blocks = search_blocks(moved(frame, vector), frame, None, penalty=1.0, unit=16, reach=4)
    assert (blocks.units[1:-1, 1:-1, 2:4] == vector).mean() > 0.9


@pytest.mark.parametrize("skip", range(1, 6))
def test_smaller_pictures_have_smaller_blocks(skip):
    random, shape = np.random.default_rng(skip), (150, 170)
    small = tuple((size + (1 << skip) - 1) >> skip for size in shape)
    frames = [np.full(small, 9, np.int32)] * 2
    for unit in UNITS:
        shorter = random_blocks(random, shape, unit).shorter(skip)
        first, second = shorter.compensate(*frames)
        assert (first == 9).all()
        assert (second == 9).all()
        assert np.abs(shorter.units[..., 2:]).max() <= LARGEST >> skip


def test_files_are_smaller_with_blocks(monkeypatch):
    voxels = pieces((144, 160, 5))[None].transpose(0, 3, 1, 2)
    sizes = []
    for blocks in ((16,), ()):
        effort = Effort(motion=0, spacings=(16, 32), blocks=blocks)
        monkeypatch.setitem(codec_module.EFFORTS, "default", (effort, (8,)))
        codec, data = coded(voxels, quality=9.0)
        assert np.ptp(codec.decode(data, voxels.shape, voxels.dtype)) > 0
        sizes.append(len(data))
    assert sizes[0] < 0.9 * sizes[1]
