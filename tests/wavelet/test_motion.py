"""Warping, prediction modes, and the search for motion."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcodec import _native
from medcodec.codecs.wavelet.motion import BY_FIELDS, Motion, MotionMode, blend, compensate, shared_scales
from medcodec.codecs.wavelet.motion_field import MAX_VECTOR, SPACINGS, MotionField, grid_shape, warp
from medcodec.codecs.wavelet.motion_search import estimate
from medcodec.codecs.wavelet.motion_stream import encode_motion

SHAPES = [(1, 1), (1, 37), (53, 1), (7, 5), (33, 64), (65, 31)]


def constant_field(shape, spacing, y, x):
    field = np.empty((*grid_shape(shape, spacing), 2), np.int16)
    field[...] = y, x
    return MotionField(spacing, field)


def random_field(random, shape, spacing, largest):
    return MotionField(
        spacing, random.integers(-largest, largest, (*grid_shape(shape, spacing), 2), np.int16, endpoint=True)
    )


def smooth_picture(shape, shift=(0.0, 0.0), zoom=1.0):
    """Waves of 16 pixels and more, moved and stretched about the middle."""
    y, x = np.indices(shape, np.float64)
    y = (y - shape[0] / 2) / zoom + shape[0] / 2 + shift[0]
    x = (x - shape[1] / 2) / zoom + shape[1] / 2 + shift[1]
    waves = np.sin(y / 5) * np.cos(x / 7) + np.sin((y + 2 * x) / 11) + np.cos((3 * x - y) / 17)
    return np.rint(2000 + 600 * waves).astype(np.int32)


def psnr(a, b, peak=4000):
    return 10 * np.log10(peak**2 / max(np.mean((a - b).astype(float) ** 2), 1e-9))


def reference_warp(frame, field, scale):
    """Vectors exactly as documented; samples by a plain double sum over the taps."""
    taps = _taps()
    height, width = frame.shape
    spacing, vectors = field.spacing, field.vectors.astype(np.int64)
    out = np.empty_like(frame)
    for y, x in np.ndindex(height, width):
        i, j, fy, fx = y // spacing, x // spacing, y % spacing, x % spacing
        rows, columns = [i, min(i + 1, len(vectors) - 1)], [j, min(j + 1, vectors.shape[1] - 1)]
        weights = np.outer([spacing - fy, fy], [spacing - fx, fx])
        mean = np.einsum("ab,abc->c", weights, vectors[np.ix_(rows, columns)])
        moved = np.sign(scale) * ((2 * abs(scale) * mean + 128 * spacing**2) // (256 * spacing**2))
        py, px = 16 * y + int(moved[0]), 16 * x + int(moved[1])
        near_y = np.clip(np.arange(-3, 5) + (py >> 4), 0, height - 1)
        near_x = np.clip(np.arange(-3, 5) + (px >> 4), 0, width - 1)
        total = taps[py & 15] @ frame[np.ix_(near_y, near_x)].astype(np.int64) @ taps[px & 15]
        out[y, x] = np.clip((total + 2048) >> 12, 0, 65535)
    return out


def _taps():
    """Read the taps off the response to one bright sample."""
    frame = np.zeros((1, 32), np.int32)
    frame[0, 16] = 64
    taps = np.zeros((16, 8), np.int64)
    low = -65536
    for phase in range(16):
        field = np.zeros((*grid_shape(frame.shape, 32), 2), np.int16)
        field[..., 1] = phase // 2
        if phase % 2:  # half of an odd number of eighths
            field[..., 1] = phase
        out = np.empty_like(frame)
        scale = 128 if phase % 2 else 256
        _native.motion_warp(frame, field[None], out, spacing=32, scale=scale, low=low, high=65535)
        taps[phase] = out[0, 16 - 4 : 16 + 4][::-1]
    return taps


def test_taps_sum_to_one_and_mirror():
    taps = _taps()
    assert (taps.sum(axis=1) == 64).all()
    assert (np.abs(taps).sum(axis=1) <= 112).all()
    for phase in range(1, 16):
        assert (taps[phase] == taps[16 - phase][::-1]).all()


@pytest.mark.parametrize("path", ["baseline", "avx2"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_warp_is_as_documented(shape, spacing, path):
    if not _native.motion_has_path(path):
        pytest.skip(f"this processor does not have {path}")
    random = np.random.default_rng(hash((shape, spacing)) % 2**32)
    frame = random.integers(0, 65536, shape, np.int32)
    for largest, scale in ((30, 256), (MAX_VECTOR, -256), (200, 171), (0, 256)):
        field = random_field(random, shape, spacing, largest)
        expected = reference_warp(frame, field, scale)
        assert (warp(frame, field, scale=scale, path=path) == expected).all()
        assert (warp(frame, field, sign=-1, scale=-scale, path=path) == expected).all()


@pytest.mark.parametrize(("y", "x"), [(0, 0), (3, -5), (-40, 200)])
def test_whole_pixels_are_exact(y, x):
    frame = np.random.default_rng(1).integers(0, 65536, (45, 70), np.int32)
    rows, columns = np.clip(np.arange(45) + y, 0, 44), np.clip(np.arange(70) + x, 0, 69)
    assert (warp(frame, constant_field(frame.shape, 16, 8 * y, 8 * x)) == frame[np.ix_(rows, columns)]).all()


@pytest.mark.parametrize(("y", "x"), [(4, 4), (1, -3), (-13, 7)])
def test_parts_of_pixels_follow_a_smooth_picture(y, x):
    still, moved = smooth_picture((80, 90)), smooth_picture((80, 90), (y / 8, x / 8))
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(warp(still, constant_field(still.shape, 8, y, x)) - moved)[inner].max() <= 6


def test_distances_share_a_symmetric_field():
    assert shared_scales((1, 1)) == (-256, 256)
    assert shared_scales((1, 3)) == (-85, 256)
    with pytest.raises(ValueError, match="1 or more away"):
        shared_scales((0, 1))


def test_modes_use_what_they_say():
    a, b = smooth_picture((20, 20)), smooth_picture((20, 20), (1, 1))
    field = constant_field(a.shape, 8, 8, 0)
    for motion, expected in [
        (Motion(MotionMode.SKIP), (a, b)),
        (Motion(MotionMode.PREVIOUS), (a, None)),
        (Motion(MotionMode.NEXT, (field,)), (None, warp(b, field))),
        (Motion(MotionMode.SYMMETRIC, (field,)), (warp(a, field, sign=-1), warp(b, field))),
        (Motion(MotionMode.BIDIRECTIONAL, (field, field)), (warp(a, field), warp(b, field))),
    ]:
        for found, wanted in zip(compensate(a, b, motion), expected, strict=True):
            assert (found is None) == (wanted is None)
            assert found is None or (found == wanted).all()
    assert (blend(a, b) == (a + b + 1) // 2).all()
    assert blend(None, b) is b


def test_wrong_arguments_are_refused():
    frame = np.zeros((20, 20), np.int32)
    field = constant_field(frame.shape, 8, 0, 0)
    with pytest.raises(ValueError, match="spacing"):
        MotionField(12, field.vectors)
    with pytest.raises(ValueError, match="within"):
        constant_field((8, 8), 8, MAX_VECTOR + 1, 0)
    with pytest.raises(ValueError, match="grid"):
        warp(np.zeros((40, 20), np.int32), field)
    with pytest.raises(ValueError, match="range"):
        warp(frame - 1, field)
    with pytest.raises(ValueError, match="do not fit"):
        Motion(MotionMode.SYMMETRIC)
    with pytest.raises(ValueError, match="not given"):
        compensate(None, frame, Motion(MotionMode.SKIP))
    with pytest.raises(ValueError, match="differ in shape"):
        estimate(frame, np.zeros((20, 21), np.int32), None, penalty=1)


def test_expansion_is_found():
    shape = (120, 136)
    random = np.random.default_rng(3)
    noise = [random.normal(0, 4, shape).round().astype(np.int32) for _ in range(3)]
    before, target, after = (
        smooth_picture(shape, zoom=z) + n for z, n in zip((0.95, 1.0, 1.05), noise, strict=True)
    )
    found = estimate(target, before, after, penalty=50)
    predicted = blend(*compensate(before, after, found.motion))
    assert psnr(predicted, target) > psnr(blend(before, after), target) + 10
    assert psnr(predicted, target) > 52


def test_far_translation_is_found():
    noise = np.random.default_rng(6).normal(0, 1, (160, 160))
    kernel = np.exp(-(np.hypot(*np.meshgrid(np.arange(-80, 80), np.arange(-80, 80))) ** 2) / 20)
    blurred = np.fft.ifft2(np.fft.fft2(noise) * np.fft.fft2(np.fft.ifftshift(kernel))).real
    picture = np.rint(2000 + 500 * blurred / blurred.std()).clip(0).astype(np.int32)
    before, target = picture[20:-20, 20:-20], picture[32:-8, 5:-35]
    found = estimate(target, before, None, penalty=50)
    inner = np.s_[16:-16, 16:-16]
    predicted = blend(*compensate(before, None, found.motion))
    assert psnr(predicted[inner], target[inner]) > 45


def test_noise_has_no_motion():
    random = np.random.default_rng(4)
    still = smooth_picture((100, 100))
    frames = [still + random.normal(0, 50, still.shape).round().astype(np.int32) for _ in range(3)]
    found = estimate(frames[0], frames[1], frames[2], penalty=2500)
    assert found.motion.mode is MotionMode.SKIP
    assert found.bits == 8


def test_modes_can_be_restricted():
    before, target, after = (smooth_picture((60, 60), zoom=z) for z in (0.97, 1, 1.03))
    for mode in BY_FIELDS:
        assert estimate(target, before, after, penalty=1, modes=[mode]).motion.mode is mode
    with pytest.raises(ValueError, match="no mode"):
        estimate(target, before, None, penalty=1, modes=[MotionMode.SYMMETRIC])
    with pytest.raises(ValueError, match="no mode"):
        estimate(target, before, after, penalty=1, modes=[MotionMode.SYMMETRIC], spacings=())


def test_higher_penalties_spend_less():
    still = [smooth_picture((90, 90), zoom=z) for z in (0.97, 1.0, 1.03)]
    found = [estimate(still[1], still[0], still[2], penalty=p) for p in (1, 300, 1e5, 1e9)]
    assert [f.bits for f in found] == sorted((f.bits for f in found), reverse=True)
    assert found[-1].bits == 8


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    top=st.sampled_from([1, 255, 65535]),
    effort=st.integers(0, 2),
    both=st.booleans(),
    distances=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_estimates_tell_the_truth(*, shape, seed, top, effort, both, distances):
    random = np.random.default_rng(seed)
    before, target, after = (random.integers(0, top, shape, np.int32, endpoint=True) for _ in range(3))
    found = estimate(
        target,
        before,
        after if both else None,
        penalty=0.5,
        effort=effort,
        spacings=(4, 32),
        distances=distances,
    )
    predicted = blend(*compensate(before, after, found.motion, distances=distances))
    assert found.distortion == ((target - predicted).astype(np.int64) ** 2).sum()
    assert found.bits == 8 * len(encode_motion(found.motion))
    assert found.distortion <= ((target - before).astype(np.int64) ** 2).sum()


def test_threads_find_the_same():
    random = np.random.default_rng(5)
    frames = [
        smooth_picture((70, 75), zoom=z) + random.integers(0, 30, (70, 75), np.int32) for z in (0.97, 1, 1.03)
    ]

    def run(_):
        return encode_motion(estimate(frames[1], frames[0], frames[2], penalty=20).motion)

    with ThreadPoolExecutor(2) as pool:
        assert len({*pool.map(run, range(6)), run(0)}) == 1
