from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from codec_for_tests import LzmaCodec
from helpers import smooth_volume

import medcodec
from medcodec.comparison import compare
from medcodec.errors import MedcodecError, OptionError, UnsupportedDataError
from medcodec.options import stored_max_error
from medcodec.volume import from_array

ROOT = Path(__file__).parents[2]


def nifti(path: Path, voxels: np.ndarray, *, slope: float = 1.0, affine: np.ndarray | None = None) -> Path:
    image = nib.Nifti1Image(voxels, np.diag([1.5, 2, 3, 1]) if affine is None else affine)
    data = bytearray(image.to_bytes())
    data[112:120] = np.array([slope, -7], "<f4").tobytes()
    path.write_bytes(bytes(data))
    return path


def compress(source, destination, **options):
    return medcodec.compress(source, destination, codec="test-lzma", **options)


def test_the_public_names():
    assert set(medcodec.__all__) <= set(dir(medcodec))
    for name in medcodec.__all__:
        assert getattr(medcodec, name)
    with pytest.raises(AttributeError, match="nothing"):
        medcodec.nothing  # noqa: B018


def test_a_nifti_file_comes_back_byte_for_byte(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)), slope=0.5)
    done = compress(path, None)
    assert done.destination == tmp_path / "scan.medc"
    assert done.source_bytes == path.stat().st_size
    assert done.voxel_bytes == 2 * done.voxels == 1008
    back = medcodec.decompress(tmp_path / "scan.medc", tmp_path / "back.nii")
    assert back.paths == (tmp_path / "back.nii",)
    assert back.paths[0].read_bytes() == path.read_bytes()
    medcodec.decompress(tmp_path / "scan.medc", tmp_path / "back.nii.gz")
    assert nib.load(tmp_path / "back.nii.gz").header == nib.load(path).header


def test_names_that_are_made_up(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)))
    compress(path, tmp_path / "x.medc")
    (tmp_path / "folder").mkdir()
    assert medcodec.decompress(tmp_path / "x.medc").paths == (tmp_path / "x.nii",)
    assert medcodec.decompress(tmp_path / "x.medc", tmp_path / "folder").paths == (tmp_path / "folder/x.nii",)
    assert medcodec.decompress(tmp_path / "x.medc", f"{tmp_path}/new/").paths == (tmp_path / "new/x.nii",)
    (tmp_path / "x.medc").rename(tmp_path / "plain")
    assert medcodec.decompress(tmp_path / "plain").paths == (tmp_path / "plain.restored.nii",)
    with pytest.raises(MedcodecError, match=r"x\.nii"):
        medcodec.decompress(tmp_path / "plain", tmp_path / "x.nii")


def test_streams_instead_of_files(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)))
    coded, back = io.BytesIO(), io.BytesIO()
    compress(path, coded)
    medcodec.decompress(coded, back)
    assert back.getvalue() == path.read_bytes()


@pytest.mark.parametrize("dtype", [np.int16, ">i2", np.float64, np.complex64, bool])
def test_arrays(tmp_path, dtype):
    voxels = smooth_volume((5, 6, 7), dtype)
    compress(voxels, tmp_path / "a.medc")
    path = medcodec.decompress(tmp_path / "a.medc").paths[0]
    back = np.load(path)
    assert back.dtype == voxels.dtype
    assert back.tobytes() == voxels.tobytes()


def test_nibabel_images_in_memory_and_on_disk(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)), slope=0.25)
    compress(nib.load(path), tmp_path / "a.medc")
    assert medcodec.verify(tmp_path / "a.medc", path).source_identical
    voxels = smooth_volume((9, 8, 7), np.uint8)
    compress(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "b.medc")
    with medcodec.open(tmp_path / "b.medc") as file:
        assert np.array_equal(file, voxels)
    with pytest.raises(OptionError, match="cannot compress a list"):
        compress([1, 2, 3], tmp_path / "c.medc")


def test_conversion_only_where_it_is_exact(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)))
    compress(path, tmp_path / "a.medc")
    assert np.array_equal(
        np.load(medcodec.decompress(tmp_path / "a.medc", tmp_path / "a.npy").paths[0]),
        smooth_volume((9, 8, 7)),
    )
    compress(smooth_volume((5, 6, 7)), tmp_path / "b.medc")
    medcodec.decompress(tmp_path / "b.medc", tmp_path / "b.nii.gz")
    assert medcodec.diff(tmp_path / "b.medc", tmp_path / "b.nii.gz").different == 0
    compress(from_array(smooth_volume((5, 6, 7)), affine=np.eye(4) / 3), tmp_path / "c.medc")
    with pytest.raises(UnsupportedDataError, match="exactly"):
        medcodec.decompress(tmp_path / "c.medc", tmp_path / "c.nii")
    with pytest.raises(UnsupportedDataError, match="nrrd"):
        medcodec.decompress(tmp_path / "c.medc", tmp_path / "c.nrrd")


def test_verify_against_the_original(tmp_path):
    path = nifti(tmp_path / "scan.nii", smooth_volume((9, 8, 7)))
    compress(path, tmp_path / "a.medc")
    assert medcodec.verify(tmp_path / "a.medc", path).source_identical
    other = smooth_volume((9, 8, 7))
    other[3, 4, 5] += 1
    with pytest.raises(MedcodecError, match=r"1 voxels differ .*\(3, 4, 5\)"):
        medcodec.verify(tmp_path / "a.medc", nifti(tmp_path / "other.nii", other))
    path.rename(tmp_path / "renamed.nii")
    assert medcodec.verify(tmp_path / "a.medc", tmp_path / "renamed.nii").source_identical
    (tmp_path / "renamed.nii").rename(path)
    moved = nifti(tmp_path / "moved.nii", smooth_volume((9, 8, 7)), affine=np.eye(4))
    assert medcodec.verify(tmp_path / "a.medc", moved).source_identical is False
    compress(path, tmp_path / "lossy.medc", max_error=2)
    assert 0 < medcodec.verify(tmp_path / "lossy.medc", path).difference.max_error <= 2
    other[3, 4, 5] += 100
    with pytest.raises(MedcodecError, match="error bound is 2"):
        medcodec.verify(tmp_path / "lossy.medc", nifti(tmp_path / "other.nii", other))


@pytest.mark.parametrize(
    ("text", "slope", "bound"),
    [
        (None, 1, None),
        (2, 1, 2),
        ("2", 0.5, 2),
        ("0.5HU", 1, 0),
        ("0.5HU", 0.1, 5),
        ("0.3 HU", 0.1, 3),
        ("2HU", -0.5, 4),
    ],
)
def test_error_bounds_with_units(text, slope, bound):
    volume = from_array(np.zeros((2, 2, 2), np.int16), slope=slope)
    assert stored_max_error(text, volume) == bound


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "", "nan", "5 %", "1HU2 3", -1, 0.5, "1e999"])
def test_error_bounds_that_make_no_sense(text):
    with pytest.raises(OptionError, match="max_error"):
        stored_max_error(text, from_array(np.zeros((2, 2, 2), np.int16)))


def test_error_bounds_of_floats():
    volume = from_array(np.zeros((2, 2, 2), np.float32), slope=2.0)
    assert stored_max_error("0.5", volume) == 0.5
    assert stored_max_error("0.5HU", volume) == 0.25
    with pytest.raises(OptionError, match="slope"):
        stored_max_error("1HU", from_array(np.zeros((2, 2, 2)), slope=0.0))


def test_options_a_codec_does_not_have(tmp_path):
    with pytest.raises(OptionError, match=r"known: .*test-lzma"):
        medcodec.compress(np.zeros((2, 2, 2)), tmp_path / "a.medc", codec="zip")
    with pytest.raises(OptionError, match="settings of the codec"):
        medcodec.compress(np.zeros((2, 2, 2)), tmp_path / "a.medc", codec=LzmaCodec(), max_error=1)
    assert not list(tmp_path.iterdir())


class TestCompare:
    def test_equal(self):
        volume = from_array(smooth_volume((3, 4, 5)))
        found = compare(volume, volume)
        assert (found.different, found.max_error, found.where, found.psnr_db) == (0, 0, None, np.inf)

    def test_where_and_how_much(self):
        first = np.zeros((4, 5, 6), np.int16)
        first[0, 0, 0] = 100
        second = first.copy()
        second[1, 2, 3], second[3, 1, 1] = 2, -7
        found = compare(from_array(first), from_array(second))
        assert (found.different, found.max_error, found.where, found.peak) == (2, 7, (3, 1, 1), 100)
        assert found.psnr_db == pytest.approx(10 * np.log10(100**2 / (53 / 120)))

    def test_extremes_and_special_values(self):
        a = np.array([[-(2**63), 0], [5, 6]])
        b = np.array([[2**63 - 1, 0], [5, 6]])
        assert compare(from_array(a), from_array(b)).max_error == float(2**64)
        x = np.array([[np.nan, np.inf], [1.0, -0.0]])
        assert compare(from_array(x), from_array(x)).different == 0
        y = np.array([[1.0, np.inf], [1.0, 0.0]])
        found = compare(from_array(x), from_array(y))
        assert (found.different, found.max_error, found.where) == (1, np.inf, (0, 0))

    def test_large_volumes_go_in_parts(self, monkeypatch):
        monkeypatch.setattr("medcodec.comparison._CHUNK_VOXELS", 50)
        first = smooth_volume((9, 8, 7))
        second = first.copy()
        second[8, 7, 6] += 4
        found = compare(from_array(first), from_array(second))
        assert (found.different, found.where) == (1, (8, 7, 6))

    def test_scaled_where_scaling_differs(self):
        a = from_array(np.full((2, 2, 2), 10, np.int16), slope=0.5)
        b = from_array(np.full((2, 2, 2), 5.25, np.float32))
        assert compare(a, b).scaled
        assert compare(a, b).max_error == 0.25

    def test_other_shapes(self):
        with pytest.raises(UnsupportedDataError, match="shape"):
            compare(from_array(np.zeros((2, 2))), from_array(np.zeros((2, 3))))


def test_real_scans_come_back_byte_for_byte(data_dir, tmp_path):
    damaged = []
    paths = [data_dir / "test/cq615_sa_ED.nii.gz", data_dir / "test/niivue_pcasl.nii.gz"]
    for path in [*paths, *sorted((data_dir / "edge/made").glob("*.nii.gz"))]:
        try:
            compress(path, tmp_path / "a.medc", overwrite=True)
        except MedcodecError as error:
            damaged.append((path.name.split(".")[0], path.name in str(error)))
            continue
        back = medcodec.decompress(tmp_path / "a.medc", tmp_path / "a.nii", overwrite=True).paths[0]
        assert back.read_bytes() == gzip.decompress(path.read_bytes())
    assert damaged == [("bitflip", True), ("empty", True), ("truncated", True)]


def test_reading_one_slice_is_quicker_than_all(tmp_path):
    compress(smooth_volume((64, 64, 200)), tmp_path / "a.medc", axis="k", group_frames=4)
    with medcodec.open(tmp_path / "a.medc", threads=1) as file:
        begun = time.process_time()
        np.asarray(file)
        everything = time.process_time() - begun
        begun = time.process_time()
        file[..., 100]
        assert time.process_time() - begun < everything / 4
