"""Value mappings: every voxel comes back bit by bit, the levels are small, damage is a FormatError."""

from __future__ import annotations

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medcodec import _native
from medcodec.codecs.adaptive.mapping import Mapping, map_voxels
from medcodec.codecs.adaptive.mapping_levels import level_dtype
from medcodec.errors import FormatError

LEVEL_LIMIT = 1 << 24
DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


def head(shape=(1, 6, 40, 44), seed=3):
    """Return integers like a scan: smooth, noisy, with a flat background, int16."""
    rng = np.random.default_rng(seed)
    box = (shape[0] * shape[1], *shape[2:])
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in box), indexing="ij")
    radius = 0.2 * z**2 + y**2 + x**2
    values = 900 * np.exp(-2 * radius) * (1 + 0.2 * np.sin(9 * x)) + rng.normal(0, 15, box)
    return np.where(radius < 0.8, values, 0).astype("i2").reshape(shape)


def restored(voxels):
    """Map, store, read and map back; return the mapping, or None if there is none."""
    mapped = map_voxels(voxels)
    if mapped is None:
        return None
    mapping, levels = mapped
    assert np.array_equal(mapping.to_levels(voxels), levels)
    assert levels.dtype == level_dtype(mapping.level_count)
    assert levels.shape == voxels.shape
    assert levels.min() >= 0
    assert levels.max() < mapping.level_count <= LEVEL_LIMIT
    again = Mapping.from_bytes(mapping.to_bytes(), voxels.dtype, voxels.shape)
    voxels_again = again.to_voxels(levels, voxels.dtype)
    assert voxels_again.dtype == voxels.dtype
    assert voxels_again.tobytes() == voxels.tobytes()
    return mapping


SLOPE = np.float64(np.float32(0.0123457))
INTERCEPT = np.float64(np.float32(-1024.7))
SCALED = {
    "whole": lambda a: a * 1.0,
    "tenths": lambda a: a * 0.1,
    "thousandths": lambda a: a / 1000,
    "slope": lambda a: a * SLOPE,
    "slope and intercept": lambda a: a * SLOPE + INTERCEPT,
    "unit interval": lambda a: (a - a.min()) / float(np.ptp(a)),
    "eighths": lambda a: a * 0.125,
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", SCALED)
def test_scaled_integers_are_found(name, dtype):
    integers = head()
    mapping = restored(SCALED[name](integers.astype("f8")).astype(dtype))
    assert mapping.kind.startswith("scaled")
    assert mapping.level_count <= np.ptp(integers) + 1
    assert len(mapping.to_bytes()) < 400


def test_native_slope_in_single_precision_is_found():
    mapping = restored(head().astype("f4") * np.float32(1.00366300366))
    assert mapping.kind.startswith("scaled")


def test_a_slope_per_frame_is_found():
    integers = head((2, 8, 48, 48)).astype("f4") * 20
    slopes = np.random.default_rng(0).uniform(1e-5, 3e-4, (2, 8, 1, 1)).astype("f4")
    mapping = restored(integers * slopes)
    assert mapping.kind.startswith("scaled per frame")
    assert mapping.slopes.shape == (16,)
    assert mapping.level_count <= np.ptp(integers) + 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_special_values_survive(dtype):
    voxels = (head() * 0.25).astype(dtype)
    voxels[0, 0, :3] = -0.0
    voxels[0, 0, 5, :9] = np.inf
    voxels[0, 1, 0, 0] = -np.inf
    voxels[0, 2:4, :5] = np.nan
    word = f"u{voxels.dtype.itemsize}"
    voxels.view(word)[0, 2, 0, :7] += 3
    voxels[0, 0, 0, 0] = 1.2345e30
    voxels[0, 5, 39, 43] = 1e-30
    mapping = restored(voxels)
    assert mapping.kind.startswith("scaled")
    assert len(mapping.to_bytes()) < 400


def test_exceptions_at_the_start_and_in_runs_survive():
    voxels = head((1, 20, 60, 60)).astype("f4")
    voxels[0, 0, 0, :6] = np.linspace(1e-9, 2e-9, 6)
    voxels[0, 3, 7, 8:12] = np.linspace(1e20, 2e20, 4)
    assert restored(voxels).kind.startswith("scaled")


@pytest.mark.parametrize(
    "rescale",
    [
        lambda a: a * 4,
        lambda a: (a * 1.5 + 0.5).astype("i2"),
        lambda a: np.sqrt(np.maximum(a, 0)).astype("i2") * 37 % 1000,
        lambda a: np.where(a > 0, a, -3024).astype("i2"),
    ],
    ids=["times 4", "times 1.5", "scrambled", "padding far away"],
)
def test_gaps_are_closed(rescale):
    voxels = rescale(head())
    mapping = restored(voxels)
    assert mapping.level_count == len(np.unique(voxels))


def test_a_full_histogram_stays_as_it_is():
    voxels = head() % 50 - np.int16(1024)
    mapping = restored(voxels)
    assert mapping.kind == "integers, offset"
    assert len(mapping.to_bytes()) < 10


def test_few_distinct_floats_become_a_palette():
    mapping = restored(np.sqrt(np.maximum(head(), 0) // 8).astype("f4"))
    assert mapping.kind.startswith("palette")


def test_coarse_floats_are_not_taken_for_a_lattice():
    voxels = np.random.default_rng(0).normal(0, 1, (1, 4, 80, 90)).astype("f2")
    assert map_voxels(voxels) is None
    assert map_voxels(voxels.astype("f4")) is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u8", "u4"])
def test_noise_has_no_mapping(dtype):
    voxels = np.random.default_rng(0).bytes(8 * 40_000)
    assert map_voxels(np.frombuffer(voxels, dtype)[:40_000].reshape(1, 4, 100, 100)) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 7), (2, 3, 1, 1), (1, 3, 5, 7)])
@pytest.mark.parametrize("value", [0, 1, 100])
def test_constants_and_odd_shapes(dtype, shape, value):
    assert restored(np.full(shape, value, dtype)).level_count == 1
    ramp = (np.arange(np.prod(shape)) % 100).astype(dtype).reshape(shape)
    assert restored(ramp) is not None


@pytest.mark.parametrize("dtype", DTYPES[:8])
def test_ends_of_integer_types(dtype):
    info = np.iinfo(dtype)
    for low in (info.min, info.max - 90):
        voxels = (low + np.arange(90, dtype=object)).astype(dtype).reshape(1, 2, 5, 9)
        assert restored(voxels).level_count <= 90
    restored(np.array([info.min, info.max] * 10, dtype).reshape(1, 1, 4, 5))


def shapes():
    return hnp.array_shapes(min_dims=4, max_dims=4, max_side=6)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_array_comes_back(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    restored(data.draw(hnp.arrays(dtype, shapes())))


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays("i2", shapes(), elements=st.integers(-3000, 3000)),
    st.floats(1e-6, 1e6),
    st.sampled_from([0.0, 3.7, -1024.0]),
    st.sampled_from(["f4", "f8"]),
)
def test_any_scaling_comes_back(integers, slope, intercept, dtype):
    restored((integers * slope + intercept).astype(dtype))


def samples():
    scan = head((1, 4, 20, 22))
    special = (scan * 0.5).astype("f4")
    special[0, 0, :2] = np.nan
    special[0, 1, 0, 0] = 1e-20
    special[0, 2, :4] = -0.0
    return {
        "offset": scan,
        "ranks": np.where(scan > 0, scan, -3024).astype("i2"),
        "scaled": special,
        "palette": np.sqrt(np.arange(4 * 20 * 22) // 100 % 17).astype("f8").reshape(scan.shape),
    }


@pytest.mark.parametrize("name", samples())
def test_damage_is_a_format_error_or_decodes(name):
    voxels = samples()[name]
    mapping, levels = map_voxels(voxels)
    data = mapping.to_bytes()
    for end in range(len(data)):
        with pytest.raises(FormatError):
            Mapping.from_bytes(data[:end], voxels.dtype, voxels.shape)
    with pytest.raises(FormatError):
        Mapping.from_bytes(data + b"\0", voxels.dtype, voxels.shape)
    rng = np.random.default_rng(1)
    for _ in range(400):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        try:
            wrong = Mapping.from_bytes(bytes(damaged), voxels.dtype, voxels.shape).to_voxels(
                levels, voxels.dtype
            )
        except FormatError:
            continue
        assert wrong.shape == voxels.shape


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(DTYPES))
def test_arbitrary_bytes_are_refused_or_decode(data, name):
    dtype, shape = np.dtype(name), (1, 2, 3, 4)
    with contextlib.suppress(FormatError):
        Mapping.from_bytes(data, dtype, shape).to_voxels(np.zeros(shape, np.int32), dtype)


def test_levels_out_of_range_are_refused():
    voxels = head()
    mapping, _ = map_voxels(voxels)
    levels = mapping.to_levels(voxels).astype(np.int32)
    for wrong in (-1, mapping.level_count):
        levels[0, 0, 0, 0] = wrong
        with pytest.raises(FormatError, match="level"):
            mapping.to_voxels(levels, voxels.dtype)


@pytest.mark.parametrize("name", ["STS_002_PET", "STS_003_PET"])
def test_positron_emission_scans_have_a_slope_per_slice(data_dir, name):
    nibabel = pytest.importorskip("nibabel")
    path = data_dir / "train" / "sts" / f"{name}.nii.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    voxels = np.ascontiguousarray(np.asanyarray(nibabel.load(path).dataobj).transpose(2, 1, 0))[None]
    mapping = restored(voxels)
    assert mapping.kind.startswith("scaled per frame")
    assert mapping.level_count <= 1 << 15


@pytest.mark.parametrize("frame_slopes", [1, 24])
def test_levels_become_floats_in_little_memory(frame_slopes):
    integers = head((2, 12, 180, 180))
    slopes = np.linspace(0.013, 0.029, 24, dtype="f4")[:frame_slopes].reshape(-1, 1, 1)
    voxels = (integers.reshape(24, 180, 180) * slopes.astype("f8")).astype("f4").reshape(integers.shape)
    voxels[1, 3, 5:8, 7] = np.nan
    mapping, levels = map_voxels(voxels)
    tracemalloc.start()
    decoded = mapping.to_voxels(levels, voxels.dtype)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoded.tobytes() == voxels.tobytes()
    assert peak < 2 * voxels.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_step_of_values_is_found_despite_their_rounding(dtype):
    values = (np.array([-7, 0, 3, 4, 90, 91, 3000]) * 0.1234567).astype(dtype)
    low, high = _native.mapping_smallest_step(values)
    assert low <= 0.1234567 <= high
    assert high - low < 1e-5
    assert _native.mapping_smallest_step(values[:1]) == (0, 0)
    assert _native.mapping_smallest_step(np.nextafter(dtype(1), dtype([0, 1, 2]))) == (0, 0)
