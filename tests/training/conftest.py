"""Small scans and a small recipe, so that training takes seconds."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from training_scans import moving_blobs

RECIPE = """
[model]
size = "tiny"
context_channels = 8
picture_channels = 4
postfilter_layers = 3
enhancers = ["noisy"]

[data]
validation = ["held*"]
draws = 1
frames = 5
crop = 40

[samples]
quality = [4, 14]
gops = [4]
reversible = 0.0
start_draws = 1

[loop]
context_batch = 2
context_crop = 12
picture_batch = 2
picture_crop = 12
warmup = 5
log_every = 5
checkpoint_every = 10

[[stages]]
name = "first"
networks = ["context", "fuse", "enhance", "enhance-noisy", "postfilter"]
steps = 16
learning_rate = 2e-3
quantised_from = 0.5

[[stages]]
name = "second"
networks = ["context"]
samples = "previous"
steps = 14
learning_rate = 1e-3
quantised_from = 0

[[sources]]
pattern = "anatomy*"
licence = "CC0"
note = "made for tests"
"""


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of scans: in space, over time, of floats, and one for validation."""
    folder = tmp_path_factory.mktemp("scans")
    volumes = {
        "anatomy.nii.gz": moving_blobs((44, 40, 9), 1).astype(np.int16),
        "cine.nii": moving_blobs((40, 36, 3, 6), 2).astype(np.uint8),
        "floats.nii": moving_blobs((33, 38, 7), 3).astype(np.float32) / 7,
        "held.nii": moving_blobs((40, 40, 8), 4).astype(np.int16),
    }
    for name, voxels in volumes.items():
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), folder / name)
    return folder


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the small recipe."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def trained(scans: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of training by the command line."""
    from medcodec.cli.run import run

    out = tmp_path_factory.mktemp("run")
    arguments = ["train", "wavelet", "--config", str(recipe), "--data", str(scans), "--out", str(out), "-q"]
    assert run([*arguments, "--threads", "1"]) == 0
    return out
