import os
import sys

import nibabel as nib
import numpy as np
import pytest

from medcodec import volume
from medcodec.errors import MedcodecError, UnsupportedDataError
from medcodec.volume import output


@pytest.fixture
def scan_path(tmp_path):
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)), path)
    return path


def test_a_folder_lists_every_scan(tmp_path, scan_path):
    (tmp_path / "sub").mkdir()
    nib.save(nib.Nifti1Pair(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "sub" / "pair.img")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "empty.nii").touch()
    scans = volume.find_scans(tmp_path)
    assert sorted((scan.name, scan.format) for scan in scans) == [
        ("scan", "nifti"),
        ("sub/pair", "nifti_pair"),
    ]
    assert len(scans[0].warnings) == 2
    assert scan_path in scans[0].paths
    assert [scan.read().source.meta["name"] for scan in scans] == [scan.paths[0].name for scan in scans]


def test_listing_does_not_read_voxels(tmp_path):
    header = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)).header
    header["dim"][1:4] = 30000
    (tmp_path / "huge.nii").write_bytes(header.binaryblock + bytes(4))
    (scan,) = volume.find_scans(tmp_path / "huge.nii")
    with pytest.raises(MedcodecError, match=r"huge\.nii"):
        scan.read()


@pytest.mark.parametrize("name", ["missing.nii", "missing", "missing.dcm", "scan.nii.gz/inside.nii"])
def test_missing_files(tmp_path, scan_path, name):
    assert scan_path.exists()
    with pytest.raises(MedcodecError, match=name.split("/")[0]):
        volume.read(tmp_path / name)


def test_a_folder_without_scans(tmp_path):
    with pytest.raises(MedcodecError, match="holds no scan"):
        volume.find_scans(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs rights to take away")
def test_no_right_to_read(scan_path):
    scan_path.chmod(0)
    with pytest.raises(MedcodecError, match="Permission"):
        volume.read(scan_path)


def test_existing_files_are_kept_unless_told(tmp_path, scan_path):
    scan = volume.read(scan_path)
    before = scan_path.read_bytes()
    with pytest.raises(MedcodecError, match="exists already"):
        volume.write(scan, scan_path)
    assert scan_path.read_bytes() == before
    volume.write(scan, scan_path, overwrite=True)
    assert volume.to_bytes(volume.read(scan_path)) == volume.to_bytes(scan)
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


@pytest.mark.parametrize("name", ["out.nrrd", "out.mgz", "out.npy", "out.dcm"])
def test_other_formats_are_refused(tmp_path, scan_path, name):
    with pytest.raises(UnsupportedDataError, match=r"\*\.nii"):
        volume.write(volume.read(scan_path), tmp_path / name)


def test_a_failed_write_leaves_nothing(tmp_path):
    def chunks():
        yield b"first"
        raise OSError(28, "No space left on device")

    files = [(tmp_path / "new" / "a", [b"whole"]), (tmp_path / "new" / "b", chunks())]
    with pytest.raises(MedcodecError, match=r"b: cannot write the file: No space left"):
        output.write_files(files, packing="", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_record_without_its_header_is_refused(scan_path, tmp_path):
    scan = volume.read(scan_path)
    source = volume.SourceRecord("nifti", scan.source.meta, {})
    with pytest.raises(MedcodecError, match="'head'"):
        volume.write(volume.Volume(scan.voxels, scan.affine, 1.0, 0.0, source), tmp_path / "out.nii")
    assert not (tmp_path / "out.nii").exists()


def test_voxels_in_another_memory_order_restore_the_same_bytes(scan_path):
    scan = volume.read(scan_path)
    copied = volume.Volume(np.ascontiguousarray(scan.voxels), scan.affine, 1.0, 0.0, scan.source)
    assert volume.to_bytes(copied) == volume.to_bytes(scan)


def test_suffixes_cover_compressed_names():
    assert {".nii", ".nii.gz", ".nii.zst", ".mgz", ".nrrd", ".mha", ".dcm", ".npy", ".img"} <= set(
        volume.suffixes()
    )
