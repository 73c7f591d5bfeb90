import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcodec.errors import OptionError
from medcodec.evaluation.metrics import PSNR_CEILING_DB, mean_ms_ssim, measure, parse_peak

RNG = np.random.default_rng(7)


def noisy(shape=(2, 3, 24, 32), dtype=np.int16):
    original = RNG.integers(-1000, 1000, shape).astype(dtype)
    return original, (original + RNG.integers(-4, 5, shape)).astype(dtype)


def test_psnr_agrees_with_scikit_image():
    skimage = pytest.importorskip("skimage.metrics")
    original, decoded = noisy()
    span = int(original.max()) - int(original.min())
    found = measure(original, decoded, metrics=frozenset({"ssim"}))
    assert found.peak == f"range={span}"
    args = (original.astype(float), decoded.astype(float))
    assert found.psnr_db == pytest.approx(skimage.peak_signal_noise_ratio(*args, data_range=span))
    per_slice = [
        skimage.peak_signal_noise_ratio(a, b, data_range=span)
        for a, b in zip(*(x.reshape(6, 24, 32) for x in args), strict=True)
    ]
    assert found.slice_psnr_db == pytest.approx(per_slice)
    assert found.psnr_slice_db == pytest.approx(np.mean(per_slice))
    assert found.ssim == pytest.approx(
        np.mean(
            [
                skimage.structural_similarity(a, b, data_range=span)
                for a, b in zip(*(x.reshape(6, 24, 32) for x in args), strict=True)
            ]
        )
    )


@given(st.integers(1, 60), st.booleans())
def test_one_error_of_known_size(error, unsigned):
    dtype = np.uint8 if unsigned else np.int16
    original = np.full((1, 4, 8, 8), 100, dtype)
    original[0, 0, 0, 0] = 0
    decoded = original.copy()
    decoded[0, 2, 3, 3] -= error
    found = measure(original, decoded, peak="255")
    assert found.max_error == error
    assert found.psnr_db == pytest.approx(10 * math.log10(255**2 * 256 / error**2))
    assert found.slice_psnr_db[0] == PSNR_CEILING_DB
    assert found.slice_psnr_db[2] == pytest.approx(min(100, 10 * math.log10(255**2 * 64 / error**2)))


def test_equal_volumes_are_infinitely_good():
    original, _ = noisy()
    found = measure(original, original.copy())
    assert math.isinf(found.psnr_db)
    assert found.max_error == 0


def test_a_window_hides_what_is_outside_but_not_the_greatest_error():
    original = np.array([[[[-1000, 0], [100, 3000]]]], np.int16)
    decoded = np.array([[[[-900, 0], [100, 2500]]]], np.int16)
    found = measure(original, decoded, peak="-160..240")
    assert math.isinf(found.psnr_db)
    assert found.max_error == 500
    assert found.peak == "-160..240"


@pytest.mark.parametrize("text", ["", "wide", "5..1", "0"])
def test_peaks_that_mean_nothing_are_refused(text):
    with pytest.raises(OptionError, match="peak"):
        parse_peak(text, np.zeros(4))


def test_ms_ssim_is_that_of_the_field_library():
    library = pytest.importorskip("pytorch_msssim")
    torch = pytest.importorskip("torch")
    original = RNG.integers(0, 256, (1, 168, 170)).astype(np.uint8)
    decoded = np.clip(original + RNG.integers(-30, 31, original.shape), 0, 255).astype(np.uint8)
    pair = [torch.from_numpy(x.astype(np.float64))[:, None] for x in (original, decoded)]
    expected = float(library.ms_ssim(*pair, data_range=255))
    assert mean_ms_ssim(original, decoded, parse_peak("255", original)) == pytest.approx(expected)
    assert mean_ms_ssim(original, original, parse_peak("255", original)) == pytest.approx(1)
    small = original[:, :100, :100]
    assert mean_ms_ssim(small, small, parse_peak("255", small)) is None


def test_values_that_are_not_finite_count_where_they_change():
    original = np.linspace(0, 9, 4 * 8 * 8, dtype=np.float32).reshape(1, 4, 8, 8)
    original[0, 1, 2, 3], original[0, 2, 0, 0] = np.nan, np.inf
    same = measure(original, original.copy(), metrics=frozenset({"ssim"}))
    assert same.peak == "range=9"
    assert math.isinf(same.psnr_db)
    assert same.max_error == 0
    assert same.ssim is None
    spoilt = measure(original, np.nan_to_num(original))
    assert spoilt.max_error == math.inf
    assert spoilt.psnr_db == -math.inf
    assert spoilt.slice_psnr_db[0] == PSNR_CEILING_DB
