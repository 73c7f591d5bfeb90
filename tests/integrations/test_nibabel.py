from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

import medcodec
from medcodec.container.groups import GroupReader
from medcodec.errors import IntegrityError, MedcodecError
from medcodec.integrations.nibabel import Medc2Image, MedcImage, register

ROOT = Path(__file__).parents[2]
AFFINE = np.array([[0.0, -2, 0, 10], [2, 0, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])


@pytest.fixture
def decoded(monkeypatch):
    """The numbers of the groups that were decoded."""
    numbers: list[int] = []
    original = GroupReader.decode_some

    def decode_some(self, wanted):
        numbers.extend(group.number for group in wanted)
        return original(self, wanted)

    monkeypatch.setattr(GroupReader, "decode_some", decode_some)
    return numbers


def scaled_nifti(path, *, kind=nib.Nifti1Image, dtype="<i2", shape=(7, 8, 12), slope=0.5, inter=-3.0):
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 100, shape).astype(dtype)
    header = kind.header_class(endianness=np.dtype(dtype).byteorder.replace("|", "<").replace("=", "<"))
    image = kind(voxels, AFFINE, header)
    image.header.set_data_dtype(dtype)
    image.set_sform(AFFINE, "mni")
    image.set_qform(AFFINE, "scanner")
    image.header["descrip"] = b"as it was"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    image.header.set_slope_inter(slope, inter)
    path.write_bytes(image.to_bytes())
    return path


def compressed(path, **options):
    medcodec.compress(path, codec="test-lzma", **options)
    return path.with_suffix(".medc")


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", "|u1"])
@pytest.mark.parametrize("shape", [(7, 8, 12), (4, 5, 3, 6), (4, 5)])
def test_an_image_is_that_of_the_original(tmp_path, kind, dtype, shape):
    path = scaled_nifti(tmp_path / "scan.nii", kind=kind, dtype=dtype, shape=shape)
    original, image = nib.load(path), nib.load(compressed(path))
    assert isinstance(image, kind)
    assert isinstance(image, MedcImage | Medc2Image)
    assert image.header == original.header
    assert list(image.header.extensions) == list(original.header.extensions)
    assert image.shape == original.shape
    assert image.get_data_dtype() == original.get_data_dtype()
    np.testing.assert_array_equal(image.affine, original.affine)
    np.testing.assert_array_equal(image.get_fdata(), original.get_fdata())
    np.testing.assert_array_equal(image.get_fdata(dtype=np.float32), original.get_fdata(dtype=np.float32))
    assert np.asanyarray(image.dataobj).dtype == np.asanyarray(original.dataobj).dtype
    np.testing.assert_array_equal(image.dataobj.get_unscaled(), original.dataobj.get_unscaled())
    for key in (np.s_[1], np.s_[..., 2], np.s_[::-2, None, 1:3], np.s_[2, 3, ...]):
        np.testing.assert_array_equal(image.dataobj[key], original.dataobj[key])
    part, expected = image.slicer[1:4, 2:], original.slicer[1:4, 2:]
    np.testing.assert_array_equal(part.affine, expected.affine)
    np.testing.assert_array_equal(part.get_fdata(), expected.get_fdata())


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_index_gives_what_numpy_gives(tmp_path, data):
    path = tmp_path / "scan.medc"
    if not path.exists():
        compressed(scaled_nifti(tmp_path / "scan.nii"), axis="k", group_frames=5)
    key = data.draw(basic_indices((7, 8, 12), allow_newaxis=True, min_dims=0, max_dims=6))
    image = nib.load(path)
    whole = np.asanyarray(image.dataobj)
    found = image.dataobj[key]
    assert found.shape == whole[key].shape
    np.testing.assert_array_equal(found, whole[key])


def test_a_slice_decodes_only_its_groups(tmp_path, decoded):
    path = compressed(scaled_nifti(tmp_path / "scan.nii"), axis="k", group_frames=3)
    image = nib.load(path)
    assert image.shape == (7, 8, 12)
    assert image.affine[2, 3] == 30
    assert decoded == []
    image.dataobj[..., 4]
    assert decoded == [1]
    image.dataobj[:, 2:5, 3:5]
    assert decoded == [1]
    assert image.slicer[..., 9:].shape == (7, 8, 3)
    assert decoded == [1, 3]
    image.uncache()
    image.dataobj[1, 1, 5]
    assert decoded == [1, 3, 1]


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_saving_a_loaded_image_restores_the_same_file(tmp_path, kind):
    path = scaled_nifti(tmp_path / "scan.nii", kind=kind)
    nib.save(nib.load(path), tmp_path / "a.medc")
    nib.save(nib.load(tmp_path / "a.medc"), tmp_path / "b.medc")
    for name in "ab":
        medcodec.decompress(tmp_path / f"{name}.medc", tmp_path / f"{name}.nii")
        assert (tmp_path / f"{name}.nii").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_arrays_are_saved_losslessly(tmp_path, dtype):
    voxels = np.random.default_rng(1).integers(0, 100, (5, 6, 7)).astype(dtype)
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(voxels, AFFINE, header), tmp_path / "scan.medc")
    image = nib.load(tmp_path / "scan.medc")
    found = np.asanyarray(image.dataobj)
    assert found.dtype == voxels.dtype
    np.testing.assert_array_equal(found, voxels)
    np.testing.assert_allclose(image.affine, AFFINE)


def test_images_of_other_kinds_can_be_saved(tmp_path):
    voxels = np.random.default_rng(2).normal(size=(5, 6, 7)).astype(np.float32)
    nib.save(nib.MGHImage(voxels, AFFINE), tmp_path / "scan.mgz")
    nib.save(nib.load(tmp_path / "scan.mgz"), tmp_path / "scan.medc")
    image = nib.load(tmp_path / "scan.medc")
    np.testing.assert_array_equal(image.get_fdata(), voxels)
    np.testing.assert_allclose(image.affine, nib.load(tmp_path / "scan.mgz").affine, atol=1e-5)
    nib.save(image, tmp_path / "back.nii.gz")
    np.testing.assert_array_equal(nib.load(tmp_path / "back.nii.gz").get_fdata(), voxels)


def test_files_of_other_formats_load(tmp_path):
    voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nib.save(nib.MGHImage(voxels, AFFINE), tmp_path / "scan.mgz")
    image = nib.load(compressed(tmp_path / "scan.mgz"))
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)
    np.testing.assert_array_equal(image.affine, nib.load(tmp_path / "scan.mgz").affine)


def test_data_that_changed_are_scaled_as_nibabel_does(tmp_path):
    image = nib.load(scaled_nifti(tmp_path / "scan.nii"))
    image.set_data_dtype(np.uint8)
    nib.save(image, tmp_path / "scan.medc")
    nib.save(image, tmp_path / "plain.nii")
    found, expected = nib.load(tmp_path / "scan.medc"), nib.load(tmp_path / "plain.nii")
    assert found.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(found.get_fdata(), expected.get_fdata())
    assert image.get_data_dtype() == np.uint8


def test_options_reach_the_codec(tmp_path):
    noise = np.random.default_rng(4).integers(0, 500, (20, 30, 6), np.int16)
    image = nib.Nifti1Image(noise, AFFINE)
    nib.save(image, tmp_path / "scan.medc", max_error=1, axis="k")
    with medcodec.open(tmp_path / "scan.medc") as file:
        assert file.info.codec.settings["max_error"] == 1
    assert np.abs(nib.load(tmp_path / "scan.medc").get_fdata() - image.get_fdata()).max() == 1


def test_an_image_can_be_saved_over_its_own_file(tmp_path):
    path = compressed(scaled_nifti(tmp_path / "scan.nii"))
    image = nib.load(path)
    expected = image.get_fdata(caching="unchanged")
    nib.save(image, path)
    image.uncache()
    np.testing.assert_array_equal(image.get_fdata(), expected)


def test_a_file_that_was_replaced_is_noticed(tmp_path):
    path = compressed(scaled_nifti(tmp_path / "scan.nii"))
    image = nib.load(path)
    compressed(scaled_nifti(tmp_path / "scan.nii", shape=(3, 4, 5)), overwrite=True)
    with pytest.raises(IntegrityError, match="load it again"):
        image.get_fdata()


def test_proxies_travel_to_other_processes_and_reshape(tmp_path):
    image = nib.load(compressed(scaled_nifti(tmp_path / "scan.nii")))
    whole = np.asanyarray(image.dataobj)
    again = pickle.loads(pickle.dumps(image.dataobj))
    np.testing.assert_array_equal(again[2], whole[2])
    flat = image.dataobj.reshape((56, -1))
    assert flat.shape == (56, 12)
    np.testing.assert_array_equal(flat[:, 3], whole.reshape((56, 12), order="F")[:, 3])
    for shape in ((5, 5), (-1, -1), (-1, 5)):
        with pytest.raises(ValueError, match="reshape"):
            image.dataobj.reshape(shape)


def test_what_is_no_medc_file_is_refused(tmp_path):
    (tmp_path / "scan.medc").write_bytes(b"not one")
    with pytest.raises(nib.filebasedimages.ImageFileError):
        nib.load(tmp_path / "scan.medc")
    path = compressed(scaled_nifti(tmp_path / "other.nii"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MedcodecError, match=r"other\.medc"):
        nib.load(path)


def test_registering_twice_changes_nothing():
    before = list(nib.imageclasses.all_image_classes), nib.imageclasses.KNOWN_SPATIAL_FIRST
    register()
    assert before == (list(nib.imageclasses.all_image_classes), nib.imageclasses.KNOWN_SPATIAL_FIRST)


def test_nothing_is_registered_without_the_import(tmp_path):
    text = "import nibabel, medcodec.api; print(len(nibabel.imageclasses.all_image_classes))"
    text += "; import medcodec.integrations.nibabel; print(len(nibabel.imageclasses.all_image_classes))"
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, check=True)
    before, after = map(int, done.stdout.split())
    assert after == before + 1
