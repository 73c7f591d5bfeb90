"""Groups without a transform: where they are smaller and no worse, and what decoders make of them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from wavelet_cases import PLAIN, coded, phantom, psnr, vessels

import medcodec
from medcodec.codecs.adaptive.streams import encode_lossless
from medcodec.codecs.wavelet import plan
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.errors import FormatError, IntegrityError

PIXELS = b"\3"


@pytest.fixture(scope="module")
def islands():
    return np.ascontiguousarray(np.moveaxis(vessels((72, 80, 9)), 2, 0))[None]


@pytest.mark.parametrize("quality", [3.0, 9.0])
def test_islands_are_smaller_and_no_worse_without_a_transform(islands, quality, monkeypatch):
    codec, data = coded(islands, quality=quality)
    decoded = codec.decode(data, islands.shape, islands.dtype)
    monkeypatch.setattr(plan, "_PIXELS_MARGIN", 0.0)
    other_codec, other = coded(islands, quality=quality)
    assert data[:1] == PIXELS != other[:1]
    assert len(data) < 0.8 * len(other)
    assert psnr(islands, decoded) >= psnr(islands, other_codec.decode(other, islands.shape, islands.dtype))
    assert (decoded[islands == 0] == 0).all()


def test_noise_at_the_best_quality_is_lossless_and_smaller():
    voxels = phantom((48, 40, 6), np.uint8, noise=12)
    voxels = np.ascontiguousarray(np.moveaxis(voxels, 2, 0))[None]
    codec, data = coded(voxels, quality=20.0)
    assert data[:1] == PIXELS
    assert np.array_equal(codec.decode(data, voxels.shape, voxels.dtype), voxels)


def test_floats(islands):
    voxels = islands.astype(np.float32) / 7 - 3
    codec, data = coded(voxels, quality=9.0)
    assert data[:1] == PIXELS
    assert psnr(voxels, codec.decode(data, voxels.shape, voxels.dtype)) > 45


def test_smaller_and_fewer_pictures(islands, tmp_path):
    voxels = np.moveaxis(islands[0], 0, 2)
    options = {**PLAIN, "quality": 9.0}
    medcodec.compress(voxels, tmp_path / "a.medc", codec="wavelet", codec_options=options, axis="k")
    with medcodec.open(tmp_path / "a.medc") as file:
        whole = np.asarray(file)
        assert np.array_equal(file.reduced(every=3), whole[:, :, ::3])
        small = file.reduced(scale=2, every=2)
        assert small.shape == (36, 40, 5)
        means = whole.astype(float)[:, :, ::2].reshape(36, 2, 40, 2, 5).mean(axis=(1, 3))
        assert np.corrcoef(small.ravel(), means.ravel())[0, 1] > 0.95
        assert file.preview().ndim == 2


def test_damaged_groups_are_an_error_or_another_picture(islands):
    codec, data = coded(islands, quality=9.0)
    for length in range(1, len(data), 7):
        with contextlib.suppress(FormatError, IntegrityError):
            assert codec.decode(data[:length], islands.shape, islands.dtype).shape == islands.shape
    with pytest.raises(FormatError, match="unknown"):
        codec.decode(PIXELS + b"\x63\5\0\0\0\1\1", islands.shape, islands.dtype)
    bright = PIXELS + encode_lossless(islands + np.uint8(70), effort="default")
    with pytest.raises(FormatError, match="highest"):
        WaveletCodec(**PLAIN, quality=9.0, low=0, high=200).decode(bright, islands.shape, islands.dtype)
