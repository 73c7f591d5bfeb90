"""Sequences drawn from scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec.errors import MedcodecError, OptionError
from medcodec.training.config import DataSettings
from medcodec.training.data import draw_sequences, read_sequences, scan_sha256, training_scans, vary
from medcodec.volume import find_scans, from_array

STILL = DataSettings(draws=12, frames=6, crop=40, flip=0, intensity=0, noise=0, motion=0, eight_bits=0)
SETTINGS = DataSettings(draws=12, frames=5, crop=36)


def test_sequences_of_a_seed_are_the_same(scans):
    for scan in find_scans(scans):
        first, again, other = (read_sequences(scan, SETTINGS, [seed]) for seed in (1, 1, 2))
        assert len(first) == SETTINGS.draws
        assert all(np.array_equal(a.frames, b.frames) for a, b in zip(first, again, strict=True))
        assert not all(np.array_equal(a.frames, b.frames) for a, b in zip(first, other, strict=True))
        for sequence in first:
            assert sequence.frames.dtype == np.int32
            assert sequence.frames.flags.c_contiguous
            assert 0 <= sequence.frames.min() <= sequence.frames.max() <= sequence.top < 1 << 16
            assert all(a <= b for a, b in zip(sequence.frames.shape, (2, 5, 36, 36), strict=True))


def test_frames_follow_time_and_slices(scans):
    (scan,) = find_scans(scans / "cine.nii")
    lengths = {sequence.frames.shape[1] for sequence in read_sequences(scan, STILL, [0])}
    assert lengths == {3, 6}


def test_scans_are_left_out_or_held_back(scans):
    chosen = DataSettings(exclude=("cine*",), validation=("held*",))
    found = training_scans([scans], chosen)
    assert [scan.name for scan in found.training] == ["anatomy", "floats"]
    assert [scan.name for scan in found.validation] == ["held"]
    with pytest.raises(OptionError, match="none is left"):
        training_scans([scans], DataSettings(exclude=("*",)))


def test_scans_can_be_listed(scans, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"{scans / 'held.nii'}\n\n{scans / 'anatomy.nii.gz'}\n")
    assert [scan.name for scan in training_scans([listed], DataSettings()).training] == ["held", "anatomy"]
    with pytest.raises(OptionError, match="is not there"):
        training_scans([tmp_path / "nowhere"], DataSettings())


def test_damaged_scan_is_named(tmp_path):
    path = tmp_path / "damaged.nii"
    path.write_bytes(b"\x5c\x01\x00\x00" + bytes(344))
    with pytest.raises(MedcodecError, match=r"damaged\.nii"):
        read_sequences(find_scans(path)[0], SETTINGS, [0])


def test_hash_is_of_the_files(scans):
    import hashlib

    (scan,) = find_scans(scans / "held.nii")
    assert scan_sha256(scan) == hashlib.sha256((scans / "held.nii").read_bytes()).hexdigest()


@settings(max_examples=50, deadline=None)
@given(low=st.integers(-(1 << 31), (1 << 31) - (1 << 17)), span=st.integers(8, (1 << 16) - 1))
def test_integers_of_16_bits_stay_what_they_are(low, span):
    values = np.random.default_rng(span).integers(low, low + span + 1, (24, 20, 3))
    values[0, 0, 0], values[0, 0, 1] = low, low + span
    sequences = list(draw_sequences(from_array(values), "made up", STILL, np.random.default_rng(0)))
    assert sequences
    for sequence in sequences:
        assert sequence.top == span
        assert np.isin(sequence.frames + low, values).all()


def test_floats_are_mapped_to_16_bits():
    values = np.random.default_rng(0).random((20, 24, 3)).astype(np.float32)
    values[3, 4] = np.nan, np.inf, -2
    for sequence in draw_sequences(from_array(values), "made up", STILL, np.random.default_rng(0)):
        assert sequence.top == 65535
        assert (sequence.frames.min(), sequence.frames.max()) == (0, 65535)
    flat = from_array(np.full((20, 20, 3), np.nan, np.float32))
    assert not list(draw_sequences(flat, "flat", STILL, np.random.default_rng(0)))
    thin = from_array(np.arange(20 * 9 * 3).reshape(20, 9, 3))
    assert not list(draw_sequences(thin, "thin", STILL, np.random.default_rng(0)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), top=st.integers(8, 65535))
def test_variations_stay_in_range(seed, top):
    random = np.random.default_rng(seed)
    frames = random.integers(0, top + 1, (1, 3, 20, 33)).astype(np.int32)
    always = DataSettings(flip=0.5, intensity=1, noise=1, motion=1)
    varied = vary(frames, top, always, random)
    assert sorted(varied.shape[2:]) == [20, 33]
    assert 0 <= varied.min() <= varied.max() <= top


def test_some_sequences_are_of_8_bits():
    values = np.random.default_rng(0).integers(0, 4001, (24, 20, 3))
    values[0, 0, :2] = 0, 4000
    rounded = np.floor(values * 255 / 4000 + 0.5)
    for sequence in draw_sequences(
        from_array(values), "made up", replace(STILL, eight_bits=1), np.random.default_rng(0)
    ):
        assert sequence.top == 255
        assert np.isin(sequence.frames, rounded).all()


def test_padding_is_filled_in():
    values = np.full((40, 40, 6), -2000)
    values[:, 12:] = np.random.default_rng(0).integers(900, 1000, (40, 28, 6))
    sequences = list(draw_sequences(from_array(values), "padded", STILL, np.random.default_rng(0)))
    assert sequences
    assert all(sequence.frames.min() > 2000 for sequence in sequences)
