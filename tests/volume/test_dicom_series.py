import json
import lzma
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import make_dataset, save, words
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from medcodec import volume
from medcodec.errors import MedcodecError, UnsupportedDataError


def check_folder(folder: Path, destination: Path) -> volume.Volume:
    """Every file of the one series in ``folder`` comes back byte for byte."""
    (scan,) = volume.find_scans(folder)
    read = scan.read()
    written = volume.write(read, destination)
    assert len(written) == len(scan.paths)
    for path in scan.paths:
        assert (destination / path.relative_to(folder)).read_bytes() == path.read_bytes()
    return read


def test_a_series_is_ordered_along_its_normal(tmp_path):
    rng = np.random.default_rng(3)
    row, column = np.array([0.8, 0.6, 0]), np.array([-0.48, 0.64, 0.6])
    normal = np.cross(row, column)
    pixels = {}
    for place in rng.permutation(7):
        pixels[place] = words("i2", (6, 5), int(place))
        position = [float(f"{value:.6f}") for value in np.array([10, 20, -30]) + 2.5 * place * normal]
        orientation = [float(f"{value:.6f}") for value in (*row, *column)]
        dataset = make_dataset(
            pixels[place],
            ImagePositionPatient=position,
            ImageOrientationPatient=orientation,
            InstanceNumber=int(rng.integers(100)),
        )
        save(tmp_path / "in", f"sub{place % 2}/im{rng.integers(10**6):06d}", dataset)
    scan = check_folder(tmp_path / "in", tmp_path / "out")
    assert scan.voxels.shape == (5, 6, 7)
    for place, expected in pixels.items():
        assert np.array_equal(scan.voxels[:, :, place], expected.T)
    reader = sitk.ImageSeriesReader()
    files = []
    for folder in ("sub0", "sub1"):
        files += reader.GetGDCMSeriesFileNames(str(tmp_path / "in" / folder))
    by_place = sorted(files, key=lambda f: np.dot(normal, pydicom.dcmread(f).ImagePositionPatient))
    image = sitk.ReadImage(by_place)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    assert np.allclose(scan.affine, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-4)


def test_time_points_become_the_fourth_axis(tmp_path):
    for number in range(12):
        time, place = divmod(number, 4)
        dataset = make_dataset(
            words("u2", (6, 5), number), InstanceNumber=number + 1, ImagePositionPatient=[0, 0, -3 * place]
        )
        save(tmp_path / "in", f"{11 - number}.dcm", dataset)
        assert time < 3
    scan = check_folder(tmp_path / "in", tmp_path / "out")
    assert scan.voxels.shape == (5, 6, 4, 3)
    for number in range(12):
        time, place = divmod(number, 4)
        assert np.array_equal(scan.voxels[:, :, 3 - place, time], words("u2", (6, 5), number).T)


def test_irregular_series_stay_in_instance_order(tmp_path):
    for number in range(5):
        dataset = make_dataset(
            words("u2", (6, 5), number), InstanceNumber=number, ImagePositionPatient=[0, 0, number // 2]
        )
        save(tmp_path / "in", f"{9 - number}", dataset)
    scan = check_folder(tmp_path / "in", tmp_path / "out")
    assert scan.voxels.shape == (5, 6, 5)
    assert np.array_equal(scan.voxels[:, :, 3], words("u2", (6, 5), 3).T)


def test_multi_frame_files_are_ordered_by_their_functional_groups(tmp_path):
    pixels = words("u2", (6, 4, 3))
    dataset = make_dataset(pixels[0], NumberOfFrames=6, PixelData=pixels.tobytes())
    dataset.Rows, dataset.Columns = 4, 3
    del dataset.ImagePositionPatient, dataset.ImageOrientationPatient, dataset.PixelSpacing
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [2, 3], 4
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    own = []
    for frame in range(6):
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, -5 * (frame // 2)]
        group.PlanePositionSequence = [position]
        own.append(group)
    dataset.PerFrameFunctionalGroupsSequence = own
    path = save(tmp_path, "in.dcm", dataset)
    scan = volume.read(path)
    assert scan.voxels.shape == (3, 4, 3, 2)
    for frame in range(6):
        assert np.array_equal(scan.voxels[:, :, 2 - frame // 2, frame % 2], pixels[frame].T)
    assert np.allclose(scan.affine, [[-3, 0, 0, 0], [0, -2, 0, 0], [0, 0, 5, -10], [0, 0, 0, 1]])
    assert volume.to_bytes(scan) == path.read_bytes()


def test_a_folder_of_several_series(tmp_path):
    for number in range(2):
        save(tmp_path, f"a{number}", make_dataset(words(seed=number), ImagePositionPatient=[0, 0, number]))
        side = make_dataset(words(seed=number), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
        save(tmp_path, f"b{number}", side)
        other = make_dataset(words(), SeriesInstanceUID=generate_uid(), SeriesDescription="T2 / fat: sat")
        save(tmp_path, f"c/{number}.dcm", other)
    (tmp_path / "notes.txt").write_text("not an image")
    report = make_dataset(words())
    del report.PixelData, report.Rows, report.Columns, report.BitsAllocated
    save(tmp_path, "report.dcm", report)
    scans = volume.find_scans(tmp_path)
    assert [scan.name for scan in scans] == ["007", "007_2", "007_T2_fat_sat", "007_T2_fat_sat_2"]
    assert [len(scan.paths) for scan in scans] == [2, 2, 1, 1]
    warned = "\n".join(scans[0].warnings)
    assert "notes.txt" in warned
    assert "report.dcm" in warned
    with pytest.raises(UnsupportedDataError, match=r"4 scans.*find_scans"):
        volume.read(tmp_path)
    for scan in scans:
        scan.read()


def test_scaling_that_varies_is_not_made_up(tmp_path):
    for number in range(2):
        dataset = make_dataset(
            words(), RescaleSlope=number + 1, RescaleIntercept=-7, ImagePositionPatient=[0, 0, number]
        )
        save(tmp_path / "in", f"{number}.dcm", dataset)
    scan = check_folder(tmp_path / "in", tmp_path / "out")
    assert (scan.slope, scan.intercept, scan.source.meta["scaling_varies"]) == (1, 0, True)
    assert volume.read(tmp_path / "in" / "1.dcm").slope == 2


def test_headers_of_a_long_series_compress_well(tmp_path):
    for number in range(40):
        dataset = make_dataset(words(), InstanceNumber=number, ImagePositionPatient=[0, 0, number])
        dataset.add_new(0x00091002, "OB", np.random.default_rng(0).bytes(2000))
        save(tmp_path, f"{number}.dcm", dataset)
    blobs = volume.read(tmp_path).source.blobs
    assert sum(len(lzma.compress(part)) for part in blobs.values()) < 2000 + 40 * 160


@pytest.mark.parametrize(
    "record",
    [
        {"files": [{"name": "../../evil", "head": 2, "tail": 0, "layout": 0}] * 2},
        {"files": [{"name": "/etc/evil", "head": 2, "tail": 0, "layout": 0}] * 2},
        {"files": []},
        {"files": [{"name": "a", "head": -2, "tail": 0, "layout": 0}] * 2},
        {"files": [{"name": "a", "head": 2, "tail": 0, "layout": 5}] * 2},
        {"order": [0, 0]},
        {"order": [5, 1]},
        {"layouts": [{"shape": [1, 10**9, 10**9], "dtype": "<i2"}]},
        {"layouts": [{"shape": [1, 6, 5], "dtype": "nonsense"}]},
        {"layouts": [{"shape": [-1, 6, 5], "dtype": "<i2"}]},
        {"layouts": 5},
    ],
)
def test_damaged_records_are_refused_and_nothing_is_written(tmp_path, record):
    for number in range(2):
        save(tmp_path / "in", f"{number}.dcm", make_dataset(words(), ImagePositionPatient=[0, 0, number]))
    scan = volume.read(tmp_path / "in")
    blobs = dict(scan.source.blobs)
    blobs["record"] = json.dumps({**json.loads(blobs["record"]), **record}).encode()
    source = volume.SourceRecord("dicom", scan.source.meta, blobs)
    hostile = volume.Volume(scan.voxels, scan.affine, 1.0, 0.0, source)
    with pytest.raises(MedcodecError):
        volume.write(hostile, tmp_path / "deep" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_real_series(data_dir, tmp_path):
    scan = check_folder(data_dir / "dicom" / "ge_pd_axial_20", tmp_path / "pd")
    assert scan.voxels.shape == (256, 256, 20)
    scan = check_folder(data_dir / "edge" / "dcm_qa_enh", tmp_path / "enh")
    assert scan.voxels.shape == (64, 64, 6, 4)
