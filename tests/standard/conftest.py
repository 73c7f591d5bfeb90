"""Real boxes of voxels, small enough for slow codecs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def load(data_dir: Path, name: str) -> np.ndarray:
    nibabel = pytest.importorskip("nibabel")
    path = data_dir / "test" / f"{name}.nii.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    return np.asarray(nibabel.load(path).dataobj)


@pytest.fixture(scope="session")
def cardiac(data_dir: Path) -> np.ndarray:
    """MR, int16, 9 bits, odd sizes, shape (1, 5, 97, 131)."""
    return np.ascontiguousarray(load(data_dir, "cq615_sa_ED").T[None, :5, :97, :131])


@pytest.fixture(scope="session")
def ct(data_dir: Path) -> np.ndarray:
    """CT, int16 with negative values, 11 bits, shape (2, 4, 75, 90)."""
    return np.ascontiguousarray(load(data_dir, "ct_totalseg_aorta_crop").T[:8, :75, :90]).reshape(
        2, 4, 75, 90
    )
