"""The two commands of the first page, with the real codec."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.cli import main

pytest.importorskip("medcodec._native", reason="the kernels are not built")


@pytest.fixture
def scan(tmp_path):
    ramp = np.add.outer(np.add.outer(np.arange(30), np.arange(31)), 5 * np.arange(12))
    voxels = (ramp + np.random.default_rng(0).integers(0, 4, ramp.shape)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


@pytest.mark.parametrize("effort", ["fastest", "fast", "default", "max"])
def test_there_and_back(scan, effort):
    packed = scan.with_name("scan.medc")
    assert main(["compress", str(scan), "--effort", effort]) == 0
    assert packed.stat().st_size < scan.stat().st_size
    assert main(["verify", str(packed), str(scan)]) == 0
    assert main(["decompress", str(packed)]) == 0
    assert scan.with_name("scan.nii").read_bytes() == nib.load(scan).to_bytes()


@pytest.mark.parametrize("bound", [1, 5])
def test_an_error_bound(scan, bound):
    packed = scan.with_name("scan.medc")
    assert main(["compress", str(scan), "--max-error", f"{bound}HU"]) == 0
    assert main(["verify", str(packed), str(scan)]) == 0
    assert 0 < medcodec.diff(scan, packed).max_error <= bound


def test_one_slice_equals_that_of_the_whole(scan):
    packed = scan.with_name("scan.medc")
    assert main(["compress", str(scan), "--axis", "k", "--group", "4"]) == 0
    with medcodec.open(packed) as file:
        assert np.array_equal(file[..., 5], np.asarray(nib.load(scan).dataobj)[..., 5])


def test_options_it_does_not_know(scan, capsys):
    assert main(["compress", str(scan), "--effort", "heroic"]) == 1
    assert "unknown effort 'heroic'; known: fastest" in capsys.readouterr().err
