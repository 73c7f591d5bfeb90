from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.errors import MissingDependencyError, UnsupportedDataError

sitk = pytest.importorskip("SimpleITK")
sys.path.insert(0, str(Path(__file__).parents[1] / "volume"))

from dicom_files import make_dataset, save, words

from medcodec.integrations.sitk import read, write

OBLIQUE = [[0.96, -0.28, 0, 0], [0.28, 0.96, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]]
SHAPES = {
    "2d": (4, 5),
    "3d": (4, 5, 6),
    "4d": (4, 5, 6, 3),
}


def make_image(dtype: str, shape: tuple[int, ...], components: int = 0):
    rng = np.random.default_rng(3)
    array = (rng.random((*shape[::-1], *([components] if components else []))) * 200).astype(dtype)
    image = sitk.GetImageFromArray(array, isVector=bool(components))
    axes = len(shape)
    image.SetSpacing([0.7, 1.3, 2.1, 3.7][:axes])
    image.SetOrigin([1 / 3, -5.1, 7.7, 0.1][:axes])
    image.SetDirection(np.array(OBLIQUE)[:axes, :axes].ravel())
    return image


def check_same(found, expected):
    assert found.GetPixelIDTypeAsString() == expected.GetPixelIDTypeAsString()
    assert found.GetNumberOfComponentsPerPixel() == expected.GetNumberOfComponentsPerPixel()
    for facts in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection", "GetMetaDataKeys"):
        assert getattr(found, facts)() == getattr(expected, facts)(), facts
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(found), sitk.GetArrayViewFromImage(expected))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    ("dtype", "components"),
    [("int16", 0), ("uint8", 3), ("float32", 2), ("float64", 0), ("uint16", 0), ("int8", 0), ("int64", 0)],
)
def test_written_images_come_back_exactly(dtype, components, shape, tmp_path):
    image = make_image(dtype, shape, components)
    done = write(image, tmp_path / "a.medc", codec="test-lzma")
    assert done.max_error == 0
    found = read(tmp_path / "a.medc")
    for key in image.GetMetaDataKeys():
        assert found.GetMetaData(key) == image.GetMetaData(key)
    for key in set(found.GetMetaDataKeys()) - set(image.GetMetaDataKeys()):
        found.EraseMetaData(key)
    check_same(found, image)


def test_complex_images_come_back(tmp_path):
    image = make_image("complex64", (4, 5, 6))
    write(image, tmp_path / "a.medc", codec="test-lzma")
    found = read(tmp_path / "a.medc")
    assert found.GetPixelIDTypeAsString() == image.GetPixelIDTypeAsString()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(image))
    np.testing.assert_allclose(found.GetSpacing(), image.GetSpacing(), rtol=1e-14)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".hdr"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_equals_what_simpleitk_reads_from_the_original(shape, suffix, tmp_path):
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(make_image("int16", shape), str(path))
    medcodec.compress(path, tmp_path / "scan.medc", codec="test-lzma")
    check_same(read(tmp_path / "scan.medc"), sitk.ReadImage(str(path)))


def test_scaled_oblique_nifti_with_time_units(tmp_path):
    affine = np.array(OBLIQUE) @ np.diag([2.0, 2.5, 3, 1])
    affine[:3, 3] = [-10, 20, 30]
    image = nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(4, 5, 2, 3), affine)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((*image.header.get_zooms()[:3], 1500))
    image.header.set_slope_inter(0.5, -3)
    (tmp_path / "scan.nii").write_bytes(image.to_bytes())
    medcodec.compress(tmp_path / "scan.nii", codec="test-lzma")
    found = read(tmp_path / "scan.medc")
    check_same(found, sitk.ReadImage(str(tmp_path / "scan.nii")))
    corner = np.array([*found.TransformIndexToPhysicalPoint((3, 0, 1, 0))[:3]]) * [-1, -1, 1]
    np.testing.assert_allclose(corner, (image.affine @ [3, 0, 1, 1])[:3], rtol=1e-5)


def test_dicom_series(tmp_path):
    for place in range(3):
        dataset = make_dataset(words("i2", (6, 5), seed=place), InstanceNumber=place + 1)
        dataset.ImagePositionPatient = [1.5, 2.5, 4.0 * place]
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
        save(tmp_path / "series", f"{place}.dcm", dataset)
    medcodec.compress(tmp_path / "series", tmp_path / "series.medc", codec="test-lzma")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "series"))
    found = read(tmp_path / "series.medc")
    check_same(found, sitk.ReadImage(names))
    assert found.GetSpacing() == (0.75, 0.5, 4.0)


def test_formats_that_simpleitk_does_not_read_keep_their_affine(tmp_path):
    affine = np.array(OBLIQUE) @ np.diag([2.0, 3, 4, 1])
    affine[:3, 3] = [5, 6, 7]
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nib.save(nib.freesurfer.MGHImage(voxels, affine), tmp_path / "scan.mgz")
    medcodec.compress(tmp_path / "scan.mgz", codec="test-lzma")
    found = read(tmp_path / "scan.medc")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found).T, voxels)
    assert found.GetPixelIDValue() == sitk.sitkInt16
    nib.save(nib.Nifti1Image(voxels, nib.load(tmp_path / "scan.mgz").affine), tmp_path / "same.nii")
    expected = sitk.ReadImage(str(tmp_path / "same.nii"))
    for facts in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(found, facts)(), getattr(expected, facts)(), atol=1e-5)


def test_what_makes_no_image_is_refused(tmp_path):
    medcodec.compress(np.zeros((2, 2, 2, 2, 2), np.int16), tmp_path / "five.medc", codec="test-lzma")
    with pytest.raises(UnsupportedDataError, match=r"five\.medc"):
        read(tmp_path / "five.medc")
    sheared = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.array([[1, 1, 0, 0], *np.eye(4)[1:]]))
    nib.save(sheared, tmp_path / "sheared.nii")
    medcodec.compress(tmp_path / "sheared.nii", codec="test-lzma")
    with pytest.raises(UnsupportedDataError, match=r"sheared\.medc.*orthonormal"):
        read(tmp_path / "sheared.medc")


def test_without_simpleitk_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(MissingDependencyError, match=r"medcodec\[itk\]"):
        read(Path(tmp_path / "any.medc"))
