"""Every codec that is installed gives back what it promises, on real voxels and at the edges."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from standard_cases import BOUNDED, LOSSLESS, LOSSY, Case, names, psnr, round_trip, usable

from medcodec.codecs.base import FrameGroup
from medcodec.codecs.registry import make_codec
from medcodec.codecs.standard.hevc import HevcCodec
from medcodec.codecs.standard.needs import Need
from medcodec.errors import FormatError, MissingDependencyError, OptionError, UnsupportedDataError

RNG = np.random.default_rng(3)
EDGES = {
    "one voxel": np.array([[[[-5]]]], np.int16),
    "constant": np.full((1, 3, 9, 7), 200, np.uint8),
    "one row": RNG.integers(0, 255, (1, 2, 1, 40), dtype=np.uint8),
    "signed bytes": RNG.integers(-128, 128, (2, 1, 16, 33)).astype(np.int8),
    "far offset": (np.arange(640).reshape(1, 2, 20, 16) % 300 + (1 << 40)).astype(np.int64),
    "high unsigned": (np.arange(640).reshape(1, 2, 20, 16) % 300 + (1 << 31)).astype(np.uint32),
}


@pytest.mark.parametrize("case", LOSSLESS, ids=names)
def test_lossless_is_exact_on_scans(case: Case, cardiac: np.ndarray, ct: np.ndarray) -> None:
    codec = usable(case)
    assert codec.exact
    for voxels in (cardiac, (cardiac // 2).astype(np.uint8), ct):
        data, decoded = round_trip(codec, voxels)
        assert np.array_equal(decoded, voxels)
        assert len(data) < voxels.nbytes * 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
@pytest.mark.parametrize("case", LOSSY, ids=names)
def test_scheduling_of_the_caller_stays(case: Case, ct: np.ndarray) -> None:
    before = os.sched_getscheduler(0)
    round_trip(usable(case), ct[:, :2])
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("case", LOSSLESS, ids=names)
def test_lossless_is_exact_at_the_edges(case: Case, edge: str) -> None:
    _, decoded = round_trip(usable(case), EDGES[edge])
    assert np.array_equal(decoded, EDGES[edge])


def test_lossless_hevc_is_exact_where_x265_is_not() -> None:
    # x265 codes pictures that are one coding tree unit wrongly in lossless mode: the correction mends them.
    codec = usable(("hevc", {}))
    noise = np.random.default_rng(0).integers(0, 4096, (1, 5, 64, 64)).astype(np.uint16)
    assert np.array_equal(round_trip(codec, noise)[1], noise)


@pytest.mark.parametrize("case", BOUNDED, ids=names)
def test_no_error_exceeds_the_bound(case: Case, cardiac: np.ndarray, ct: np.ndarray) -> None:
    codec = usable(case)
    for voxels in (cardiac, ct, ct.astype(np.int32) * 17):
        data, decoded = round_trip(codec, voxels)
        assert not codec.exact
        assert np.abs(decoded.astype(int) - voxels).max() <= 2
        assert len(data) < voxels.size * 2


@pytest.mark.parametrize("name", ["sz3", "sperr"])
def test_floats_within_the_bound(name: str, ct: np.ndarray) -> None:
    voxels = (ct * 0.01).astype(np.float32)
    _, decoded = round_trip(usable((name, {"max_error": 0.05})), voxels)
    assert np.abs(decoded.astype(float) - voxels).max() <= 0.05


@pytest.mark.parametrize("case", LOSSY, ids=names)
def test_lossy_is_small_and_near(case: Case, cardiac: np.ndarray, ct: np.ndarray) -> None:
    codec = usable(case)
    assert not codec.exact
    for voxels in (cardiac, ct, ct.astype(np.int32) * 40, (ct * 0.37).astype(np.float32)):
        data, decoded = round_trip(codec, voxels)
        assert psnr(voxels, decoded) > 34
        assert len(data) < voxels.size


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("case", [LOSSY[0], *LOSSY[2:]], ids=names)
def test_lossy_codes_the_edges(case: Case, edge: str) -> None:
    voxels = EDGES[edge]
    _, decoded = round_trip(usable(case), voxels)
    span = int(voxels.max()) - int(voxels.min())
    assert np.abs(decoded.astype(float) - voxels.astype(float)).max() <= max(0, span)


@pytest.mark.parametrize("case", LOSSY, ids=names)
def test_quality_turns_size_and_fidelity(case: Case, cardiac: np.ndarray) -> None:
    codec = usable(case)
    low, high = codec.quality_range
    results = [round_trip(codec.with_quality(low + (high - low) * share), cardiac) for share in (0.1, 0.8)]
    (small, coarse), (large, fine) = results
    assert len(small) * 1.5 < len(large)
    assert psnr(cardiac, coarse) + 5 < psnr(cardiac, fine)


@pytest.mark.parametrize("case", [LOSSLESS[0], *LOSSLESS[2:]], ids=names)
def test_floats_are_refused_where_they_would_lose(case: Case) -> None:
    codec = usable(case)
    with pytest.raises(UnsupportedDataError, match="adaptive"):
        codec.encode(FrameGroup(np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 1, 8, 8)))


@pytest.mark.parametrize("case", LOSSY, ids=names)
def test_nan_is_refused(case: Case) -> None:
    voxels = np.full((1, 1, 8, 8), np.nan, np.float32)
    with pytest.raises(UnsupportedDataError, match="NaN"):
        usable(case).encode(FrameGroup(voxels))


def test_too_many_bits_are_refused_when_lossless() -> None:
    voxels = np.array([[[[0, 5000]]]], np.uint16)
    with pytest.raises(UnsupportedDataError, match="12 bits at most"):
        usable(("hevc", {})).encode(FrameGroup(voxels))


@pytest.mark.parametrize("case", [LOSSLESS[0], LOSSLESS[2], LOSSY[0], LOSSY[3], LOSSY[6]], ids=names)
def test_the_same_bytes_every_time(case: Case, cardiac: np.ndarray) -> None:
    codec = usable(case)
    assert codec.encode(FrameGroup(cardiac)) == codec.encode(FrameGroup(cardiac))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = (Need("PyAV with libx265", "pip install 'medcodec[video]' (PyAV)", "no_such_module"),)
    monkeypatch.setattr(HevcCodec, "encoder_needs", absent)
    with pytest.raises(MissingDependencyError, match=r"libx265 is missing: pip install 'medcodec\[video\]'"):
        HevcCodec().encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))


@pytest.mark.parametrize("name", ["vtm", "hm"])
def test_reference_encoders_are_asked_for(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(f"MEDCODEC_{name.upper()}", raising=False)
    with pytest.raises(MissingDependencyError, match=f"MEDCODEC_{name.upper()}"):
        make_codec(name).encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hevc", {"crf": 60}),
        ("hevc", {"preset": "quick"}),
        ("hevc", {"bits": 9}),
        ("vvc", {"qp": -1}),
        ("av1", {"encoder": "rav1e"}),
        ("jpegxl", {"distance": 1.0, "layout": "channels"}),
        ("jpegls", {"max_error": 0.5}),
        ("sperr", {"psnr": 40.0, "max_error": 1}),
        ("sz3", {"max_error": "much"}),
        ("htj2k", {"step": 1}),
    ],
)
def test_settings_are_checked(name: str, options: dict) -> None:
    with pytest.raises(OptionError):
        make_codec(name, **options)


@pytest.mark.parametrize("settings", [{}, {"crf": 20}, {"crf": [1]}])
def test_malformed_settings_in_a_file_are_refused(settings: dict) -> None:
    with pytest.raises(FormatError):
        HevcCodec.from_dict(settings)
