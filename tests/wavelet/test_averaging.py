"""Frames that others are predicted from, with less of their noise."""

from __future__ import annotations

import numpy as np
import pytest

from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet import codec as wavelet_codec
from medcodec.codecs.wavelet.averaging import averaged, repeats
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.codecs.wavelet.hierarchy import frame_steps
from medcodec.codecs.wavelet.plan import Plan
from medcodec.codecs.wavelet.quality import LAST_LAYER_SCALE, REPEATING_LAYER_SCALE
from medcodec.codecs.wavelet.stream import parse

NOISE = 12


@pytest.fixture(scope="module")
def still():
    """Return 17 noisy pictures of the same."""
    random = np.random.default_rng(5)
    y, x = np.mgrid[:64, :72]
    picture = 400 + 300 * np.sin(y / 9) * np.cos(x / 7) + 200 * (x > 40)
    noisy = picture + random.normal(0, NOISE, (1, 17, *picture.shape))
    return np.clip(np.round(noisy), 0, 1000).astype(np.int32)


@pytest.fixture(scope="module")
def anatomy():
    """Return 17 slices of something that changes from each to the next."""
    z, y, x = np.mgrid[:17, :64, :72]
    random = np.random.default_rng(6)
    smooth = 500 + 300 * np.sin(y / 9 + z / 4) * np.cos(x / 7 - z / 5)
    return np.round(smooth + random.normal(0, 3, smooth.shape)).astype(np.int32)[None]


def test_noise_is_told_from_anatomy(still, anatomy):
    assert repeats(still)
    assert not repeats(anatomy)
    assert not repeats(still[:, :8])
    assert not repeats(still[:, :, :4])
    assert not repeats(np.zeros_like(still))


def test_references_lose_noise_and_nothing_else(still):
    steps = frame_steps(17, 8)
    truth = still.mean(axis=(0, 1))
    calm = averaged(still, steps, 40.0)
    layers = np.array([next(step.layer for step in steps if step.frame == frame) for frame in range(17)])
    left = [np.abs(calm[0, layers == layer] - truth).mean() for layer in range(4)]
    noise = np.abs(still - truth).mean()
    assert left[0] < 0.55 * noise
    assert left[0] < left[1] < left[2] < left[3] == pytest.approx(noise, rel=0.05)
    assert np.array_equal(calm[0, layers == 3], still[0, layers == 3])
    # Where steps are far below the noise it is coded, and averaging would only lose it.
    assert np.array_equal(averaged(still, steps, 1.0), still)


def test_what_moves_leaves_no_trace(still):
    frames = np.full_like(still, 100)
    frames[0, 8, 20:40, 20:40] = 900
    assert np.array_equal(averaged(frames, frame_steps(17, 8), 20.0), frames)


@pytest.mark.parametrize("sequence", ["still", "anatomy"])
def test_it_is_done_where_it_pays(sequence, request, monkeypatch):
    voxels = request.getfixturevalue(sequence).astype(np.uint16)
    plans, steps = [], []

    def best(self, frames, intensity, plan, **keys):
        plans.append(plan)
        return coded(self, frames, intensity, plan, **keys)

    coded = WaveletCodec._best
    monkeypatch.setattr(WaveletCodec, "_best", best)

    def point(quality):
        codec = WaveletCodec(size="none", effort="fast", quality=quality).prepare(voxels)
        data = codec.encode(FrameGroup(voxels))
        decoded = codec.decode(data, voxels.shape, voxels.dtype).astype(float)
        steps.append(parse(data)[0].steps)
        return np.log(((decoded - voxels) ** 2).mean()), np.log(len(data))

    error, rate = point(5.5)
    assert plans[-1].repeating == plans[-1].averaged == (sequence == "still")
    growth = np.array(steps[0][1:]) / steps[0][:-1]
    if sequence == "still":
        assert growth == pytest.approx(np.full(4, REPEATING_LAYER_SCALE), rel=0.01)
    else:
        assert growth == pytest.approx([1.0, 1.0, LAST_LAYER_SCALE], rel=0.01)
    if plans[-1].averaged:
        monkeypatch.setattr(wavelet_codec, "choose_plan", lambda *_, **__: Plan())
        errors, rates = zip(*(point(quality) for quality in (7.0, 6.0, 5.0, 4.0)), strict=True)
        assert rate < np.interp(error, errors, rates) - 0.03


def test_bounds_and_lossless_see_the_frames_themselves(still, monkeypatch):
    monkeypatch.setattr(wavelet_codec, "averaged", lambda *_: pytest.fail("frames were averaged"))
    voxels = still.astype(np.int16)
    for settings in ({}, {"max_error": 3}):
        WaveletCodec(size="none", effort="fast", **settings).prepare(voxels).encode(FrameGroup(voxels))
