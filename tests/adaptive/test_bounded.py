"""Error bounds in stored units, for every effort and dtype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec.codecs.adaptive import AdaptiveCodec
from medcodec.codecs.adaptive.codec import EFFORTS
from medcodec.codecs.adaptive.predict import encode_predicted
from medcodec.codecs.base import FrameGroup
from medcodec.errors import OptionError


def decoded(voxels: np.ndarray, **options: object) -> tuple[np.ndarray, int]:
    codec = AdaptiveCodec(**options)
    data = codec.encode(FrameGroup(voxels))
    return codec.decode(data, voxels.shape, voxels.dtype), len(data)


@settings(max_examples=80, deadline=None)
@given(
    dtype=st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]),
    effort=st.sampled_from(EFFORTS),
    bound=st.integers(1, 300),
    shape=st.tuples(*[st.integers(1, n) for n in (2, 3, 9, 17)]),
    seed=st.integers(0, 9999),
)
def test_integers_keep_the_bound(
    dtype: str, effort: str, bound: int, shape: tuple[int, int, int, int], seed: int
) -> None:
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    span = int(rng.choice([3, 200, 60000]))
    low = [int(limits.min), max(int(limits.min), int(limits.max) - span)][rng.integers(2)]
    voxels = (low + rng.integers(0, min(span, int(limits.max) - low) + 1, shape).astype(object)).astype(dtype)
    found, _ = decoded(voxels, effort=effort, max_error=bound)
    assert found.dtype == voxels.dtype
    assert np.abs(found.astype(object) - voxels.astype(object)).max() <= bound


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_larger_bound_costs_fewer_bytes(effort: str) -> None:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(4), np.add.outer(np.arange(40), np.arange(50))) * 5
    voxels = (ramp + rng.normal(0, 20, ramp.shape)).astype(np.int16)[None]
    sizes = [decoded(voxels, effort=effort, max_error=bound)[1] for bound in (0, 1, 3, 10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[3] < 0.6 * sizes[0]


def test_cells_do_not_part_noise_on_air() -> None:
    noise = np.random.default_rng(6).integers(0, 7, (1, 4, 40, 48)).astype(np.uint8)
    found, size = decoded(noise, effort="fastest", max_error=3)
    assert size < 40
    assert (found == 3).all()
    noise[:, :, :15] = 0
    noise[:, :, 15:] += 1
    found, size = decoded(noise, effort="fastest", max_error=3)
    assert size < 400
    assert (found[:, :, :15] == 0).all()
    assert (found[:, :, 15:] == 4).all()


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("bound", [1, 4, 9])
def test_background_stays_what_it_is(effort: str, bound: int) -> None:
    rng = np.random.default_rng(5)
    head = np.add.outer(np.linspace(-1, 1, 60) ** 2, np.linspace(-1, 1, 64) ** 2) < 0.6
    voxels = np.where(head, rng.integers(20, 60, (1, 6, 60, 64)), 0).astype(np.uint8)
    voxels[0, 3, 30, 30] = 255
    found, _ = decoded(voxels, effort=effort, max_error=bound)
    assert np.mean(found[voxels == 0] == 0) > 0.98
    assert found.max() <= 255


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("bound", [0.1, 0.5, 0.76, 30])
def test_floats_on_a_lattice_keep_the_bound(effort: str, bound: float) -> None:
    rng = np.random.default_rng(1)
    voxels = (rng.integers(0, 900, (1, 3, 20, 20)) * 0.25 - 7).astype(np.float32)
    found, _ = decoded(voxels, effort=effort, max_error=bound)
    assert np.abs(found.astype(np.float64) - voxels).max() <= bound


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_slope_per_frame_and_exceptions_keep_the_bound(effort: str) -> None:
    rng = np.random.default_rng(3)
    slopes = rng.uniform(0.01, 0.02, (1, 6, 1, 1)).astype(np.float32)
    voxels = rng.integers(0, 900, (1, 6, 40, 40)).astype(np.float32) * slopes
    for dust in (False, True):
        voxels[0, 2, 3, 4] += np.float32(1e-4) * dust
        found, _ = decoded(voxels, effort=effort, max_error=0.05)
        assert np.abs(found.astype(np.float64) - voxels).max() <= 0.05


def test_other_floats_and_special_values_stay_exact() -> None:
    rng = np.random.default_rng(2)
    voxels = rng.normal(0, 1, (1, 2, 12, 12))
    voxels[0, 0, 0, :3] = np.nan, np.inf, -0.0
    found, _ = decoded(voxels, max_error=0.01)
    assert found.tobytes() == voxels.tobytes()


@pytest.mark.parametrize("bound", [-1, float("nan"), float("inf")])
def test_impossible_bounds_are_refused(bound: float) -> None:
    with pytest.raises(OptionError, match="max_error"):
        AdaptiveCodec(max_error=bound)


@pytest.mark.parametrize("effort", EFFORTS)
def test_values_further_apart_than_the_bound_stay_exact(effort: str) -> None:
    voxels = np.random.default_rng(8).choice(np.array([-9000, 0, 30, 20000], np.int16), (1, 4, 40, 50))
    found, size = decoded(voxels, effort=effort, max_error=5)
    assert np.array_equal(found, voxels)
    assert size == decoded(voxels, effort=effort)[1]


def test_islands_are_coded_as_labels_within_a_bound() -> None:
    rng = np.random.default_rng(6)
    z, y, x = np.indices((12, 80, 96))
    vessels = (np.hypot(y - 40 - 15 * np.sin(x / 9 + z / 3), z - 6) < 4) | (np.hypot(y - x / 2, z - 5) < 3)
    voxels = np.where(vessels, 120 + rng.integers(0, 100, vessels.shape), 0).astype(np.uint8)[None]
    found, size = decoded(voxels, max_error=5)
    assert np.abs(found.astype(int) - voxels).max() <= 5
    assert (found[voxels == 0] == 0).all()
    assert size < 0.95 * len(encode_predicted(voxels, effort="default", max_error=5))
