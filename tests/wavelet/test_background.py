"""Padding around a field of view: a mask, exact, and pictures without its edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wavelet_cases import PLAIN, phantom, psnr

import medcodec
from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.adaptive.streams import encode_lossless
from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet import plan as wavelet_plan
from medcodec.codecs.wavelet.background import filled, pack_background, parse_background
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.errors import FormatError, IntegrityError

PAD = -2000


@pytest.fixture(scope="module")
def padded():
    """Return slices with padding around a round field of view, and where it is."""
    voxels = phantom((96, 88, 7)).astype(np.int16)
    x, y = np.indices(voxels.shape[:2])
    outside = (x - 48) ** 2 + (y - 44) ** 2 > 42**2
    voxels[outside] = PAD
    return voxels, outside


def packed(voxels, path, **options):
    done = medcodec.compress(
        voxels, path, codec="wavelet", codec_options={**PLAIN, **options}, axis="k", overwrite=True
    )
    with medcodec.open(path) as file:
        return done.file_bytes, np.asarray(file)


@pytest.mark.usefixtures("transformed")
@pytest.mark.parametrize("quality", [4.0, 11.0])
def test_padding_is_exact_and_cheap(padded, quality, tmp_path, monkeypatch):
    voxels, outside = padded
    size, decoded = packed(voxels, tmp_path / "a.medc", quality=quality)
    assert (decoded[outside] == PAD).all()
    monkeypatch.setattr(wavelet_plan, "solid_background", lambda _: None)
    plain_size, plain = packed(voxels, tmp_path / "b.medc", quality=quality)
    inside = ~outside
    assert size < 0.8 * plain_size
    assert psnr(decoded[inside], voxels[inside]) > psnr(plain[inside], voxels[inside]) - 1


def test_smaller_versions_of_padded_volumes(padded, tmp_path):
    voxels, outside = padded
    _, decoded = packed(voxels, tmp_path / "a.medc", quality=12.0)
    with medcodec.open(tmp_path / "a.medc") as file:
        assert np.array_equal(file.reduced(every=3), decoded[:, :, ::3])
        small = file.reduced(scale=4)
        assert (small[outside[::4, ::4]] == PAD).all()
        assert (small[~outside[::4, ::4]] > PAD).all()


def test_bounds_hold_in_padded_volumes(padded, tmp_path):
    voxels, outside = padded
    _, decoded = packed(voxels, tmp_path / "a.medc", max_error=5)
    assert np.abs(decoded.astype(int) - voxels).max() <= 5
    assert (decoded[outside] == PAD).all()


def test_what_is_no_background():
    random = np.random.default_rng(1)
    noise = np.maximum(random.normal(0, 30, (1, 3, 40, 40)), 0).astype(np.int32)
    assert (noise == 0).mean() > 0.4
    assert solid_background(noise) is None
    assert solid_background(np.zeros((1, 2, 9, 9), np.int32)) is None
    assert solid_background(np.ones((1, 2, 9, 9), np.int32)) is None


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0, 1),
)
@settings(max_examples=60)
def test_filling_stays_within_what_is_around(seed, height, width, share):
    random = np.random.default_rng(seed)
    frames = random.integers(100, 16000, (1, 2, height, width), np.int32)
    mask = random.random(frames.shape) < share
    frames[mask] = 0
    found = filled(frames, mask)
    assert np.array_equal(found[~mask], frames[~mask])
    for frame, hidden, whole in zip(found[0], mask[0], frames[0], strict=True):
        if hidden.all():
            assert (frame == 0).all()
        else:
            seen = whole[~hidden]
            assert frame.min() >= seen.min() - 1
            assert frame.max() <= seen.max() + 1


@pytest.mark.usefixtures("transformed")
def test_damaged_masks_are_refused(padded):
    voxels = np.ascontiguousarray(padded[0].T)[None]
    codec = WaveletCodec(**PLAIN, quality=6.0).prepare(voxels)
    data = codec.encode(FrameGroup(voxels))
    assert data[:1] == b"\2"
    mask, group = parse_background(data, voxels.shape)
    assert np.array_equal(mask, voxels == PAD)
    for length in range(len(data) - len(group)):
        with pytest.raises((FormatError, IntegrityError)):
            codec.decode(data[:length], voxels.shape, voxels.dtype)
    threes = encode_lossless(3 * mask.astype(np.uint8), effort="default")
    with pytest.raises(FormatError, match="0 and 1"):
        parse_background(b"\2" + bytes([128 | len(threes) & 127, len(threes) >> 7]) + threes, voxels.shape)
    with pytest.raises(FormatError, match="version"):
        codec.decode(pack_background(mask, data), voxels.shape, voxels.dtype)
