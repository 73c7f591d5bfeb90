"""Every snippet of the pages on nibabel, SimpleITK, BIDS and DICOM runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "volume"))

from dicom_files import make_dataset, save

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "integrations"


def snippets(page: str, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found


def scan(path: Path) -> Path:
    z, y, x = np.meshgrid(*[np.arange(12)] * 3)
    noise = np.random.default_rng(0).integers(0, 9, (12, 12, 12))
    image = nib.Nifti1Image((x * 20 + y * 5 + z + noise).astype(np.int16), np.diag([1.0, 1, 2, 1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


def run(page: str, folder: Path) -> None:
    script = "\n".join(snippets(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nibabel(tmp_path):
    medcodec.compress(scan(tmp_path / "scan.nii.gz"))
    run("nibabel.md", tmp_path)
    data = nib.load(tmp_path / "scan.nii.gz").get_fdata()
    np.testing.assert_array_equal(nib.load(tmp_path / "scan_again.nii.gz").get_fdata(), data)
    medcodec.verify(tmp_path / "copy.medc", tmp_path / "scan.nii.gz")
    assert medcodec.diff(tmp_path / "small.medc", tmp_path / "scan.nii.gz").max_error == 1


def test_simpleitk(tmp_path):
    pytest.importorskip("SimpleITK")
    medcodec.compress(scan(tmp_path / "scan.nii.gz"))
    run("simpleitk.md", tmp_path)
    with medcodec.open(tmp_path / "smooth.medc") as file:
        assert file.dtype == np.float32


@pytest.mark.parametrize("language", ["sh", "python"])
def test_bids(tmp_path, language, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = scan(tmp_path / "dataset" / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    (tmp_path / "dataset" / "participants.tsv").write_text("participant_id\n")
    if language == "python":
        run("bids.md", tmp_path)
    else:
        for line in snippets("bids.md", "sh")[0].splitlines():
            assert main(shlex.split(line)[1:]) == 0
    assert (tmp_path / "packed" / "sub-01" / "anat" / "sub-01_T1w.medc").exists()
    back = tmp_path / "back" / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    assert back.read_bytes() == image.read_bytes()


def test_dicom(tmp_path):
    for place in range(3):
        pixels = np.random.default_rng(place).integers(0, 99, (20, 20)).astype(np.int16)
        dataset = make_dataset(pixels, InstanceNumber=place + 1)
        dataset.ImagePositionPatient = [0, 0, 4 * place]
        save(tmp_path / "series", f"{place}.dcm", dataset)
    run("dicom.md", tmp_path)
    assert len(list((tmp_path / "restored").iterdir())) == 3
