import io

import numpy as np
import pytest

from medcodec.api import compress, open_medc
from medcodec.evaluation.content import slices_of
from medcodec.evaluation.rates import slice_bits
from medcodec.evaluation.resources import measured
from medcodec.volume import from_array


def coded(voxels, **options):
    file = io.BytesIO()
    compress(voxels, file, verify=False, **options)
    with open_medc(file) as opened:
        return slice_bits(opened), sum(opened.coded_lengths)


@pytest.mark.parametrize(
    ("shape", "noisy"), [((20, 24, 6), (4,)), ((20, 24, 3, 4), (2, 1)), ((9, 8, 7, 3, 2), (6, 2, 1))]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_bits_belong_to_the_slice_that_needs_them(shape, noisy, order):
    voxels = np.zeros(shape, np.int16, order=order)
    voxels[(slice(None), slice(None), *noisy)] = np.random.default_rng(2).integers(0, 4000, shape[:2])
    bits, total = coded(voxels, group_frames=1, axis="k" if len(shape) == 3 else "t")
    (slices,) = slices_of(from_array(voxels))
    expected = int(slices.reshape(-1, *slices.shape[2:]).any(axis=(1, 2)).argmax())
    assert len(bits) == np.prod(shape[2:])
    # Groups of this kind may hold several sequences, which then share.
    assert bits[expected] == max(bits) > min(bits)
    assert sum(bits) == pytest.approx(8 * total, rel=1e-5)


def test_bits_along_another_axis_are_shared_by_all_slices():
    bits, total = coded(np.random.default_rng(2).integers(0, 9, (6, 7, 8)).astype(np.uint8), axis="i")
    assert bits == pytest.approx([total] * 8, rel=1e-5)


def test_time_and_memory_of_a_piece_of_work():
    def work():
        block = np.ones(8_000_000)
        return float(block.sum())

    result, cost = measured(work)
    assert result == 8e6
    assert 0 < cost.cpu_seconds <= cost.seconds + 0.5
    if cost.peak_bytes is None:
        pytest.skip("this system does not tell how much memory is held")
    assert 55e6 < cost.peak_bytes < 120e6


def test_codecs_of_pictures_tell_each_slice_from_its_group():
    pytest.importorskip("imagecodecs")
    voxels = np.zeros((20, 24, 6), np.int16)
    voxels[..., 4] = np.random.default_rng(2).integers(0, 4000, (20, 24))
    bits, total = coded(voxels, codec="jpegls", group_frames=0, axis="k")
    assert bits[4] > 0.6 * sum(bits)
    assert sum(bits) == pytest.approx(8 * total, rel=1e-5)
