"""Which of two codecs takes an error bound: what the smaller errors of a transform may cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import medcodec
from medcodec import writing
from medcodec.bounded import bounded_sample


def soft(shape: tuple[int, ...]) -> np.ndarray:
    """Return a structure that a transform takes apart well, int16, with a little noise."""
    axes = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    waves = sum(np.sin(axis / (5 + 2 * n)) for n, axis in enumerate(axes))
    noise = np.random.default_rng(4).normal(0, 4, shape)
    return np.rint(300 * np.asarray(waves) + noise).astype(np.int16)


def written_by(voxels: np.ndarray, path: Path, bound: int) -> str:
    """Return the name of the codec that a file within a bound has."""
    medcodec.compress(voxels, path, max_error=bound)
    with medcodec.open(path) as file:
        assert np.abs(np.asarray(file).astype(np.int64) - voxels).max() <= bound
        return str(file.info.codec.name)


def test_a_transform_is_taken_where_it_saves(tmp_path: Path) -> None:
    assert written_by(soft((64, 64, 12)), tmp_path / "a.medc", 12) == "wavelet"


def test_a_promise_that_the_whole_volume_does_not_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(5).integers(0, 500, (40, 40, 6)).astype(np.int16)
    monkeypatch.setattr(writing, "transform_saving", lambda *_: 0.01)
    assert written_by(noise, tmp_path / "a.medc", 3) == "adaptive"
    monkeypatch.setattr(writing, "transform_saving", lambda *_: 9.0)
    assert written_by(noise, tmp_path / "b.medc", 3) == "wavelet"


def test_what_only_the_part_that_was_tried_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = soft((64, 64, 12)).astype(np.int32)
    voxels[0, 0, 0] = 1 << 18  # more than the transform takes
    monkeypatch.setattr(writing, "transform_saving", lambda *_: 9.0)
    assert written_by(voxels, tmp_path / "a.medc", 12) == "adaptive"


@pytest.mark.parametrize(
    ("shape", "part"),
    [
        ((40, 40, 20), (28, 28, 20)),
        ((40, 40, 20, 9), (40, 40, 6, 9)),
        ((40, 40, 3, 9), (40, 40, 2, 9)),
        ((40, 40, 1, 9), (40, 40, 1, 9)),
    ],
)
def test_part_of_a_volume(shape: tuple[int, ...], part: tuple[int, ...]) -> None:
    assert bounded_sample(np.zeros(shape, np.int16)).shape == part


def test_part_of_a_large_series_is_small() -> None:
    assert bounded_sample(np.zeros((256, 256, 20, 30), np.uint8)).size < 1 << 21
