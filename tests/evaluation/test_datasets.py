import nibabel
import numpy as np
import pytest

from medcodec.cli import main
from medcodec.errors import FormatError, MedcodecError, OptionError
from medcodec.evaluation.content import load_item, to_bits
from medcodec.evaluation.datasets import (
    Dataset,
    Item,
    check_dataset,
    dataset_names,
    dataset_of_folder,
    load_dataset,
    parse_dataset,
)
from medcodec.evaluation.published import beside_ours, published_tables
from medcodec.evaluation.summary import BdTable, Comparison
from medcodec.volume.video import format_from_name


@pytest.mark.parametrize("name", dataset_names())
def test_descriptions_are_complete(name):
    dataset = load_dataset(name)
    assert dataset.name == name
    assert dataset.title
    assert dataset.licence
    assert dataset.source
    assert dataset.layout
    assert dataset.items


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("hevc-b", 5, (1920, 1080)),
        ("hevc-c", 4, (832, 480)),
        ("hevc-d", 4, (416, 240)),
        ("hevc-e", 3, (1280, 720)),
        ("uvg", 7, (1920, 1080)),
        ("mcl-jcv", 30, (1920, 1080)),
    ],
)
def test_video_classes_say_sizes_that_fit_their_names(name, count, size):
    items = load_dataset(name).items
    assert len(items) == count
    for item in items:
        form = format_from_name(item.path)
        assert (form.width, form.height) == size
        assert item.bytes == form.frame_bytes * item.total_frames
        assert (item.frames, item.group_frames) == (96, 32)


def test_the_cine_follows_the_paper():
    items = load_dataset("acdc").items
    assert [item.z for item in items] == list(range(10))
    assert {(item.frames, item.group_frames, item.bits, item.peak) for item in items} == {(30, 30, 8, "255")}


def test_check_tells_there_missing_and_different(tmp_path, capsys):
    dataset = load_dataset("hevc-d")
    first, second = dataset.items[:2]
    (tmp_path / first.path).write_bytes(b"short")
    with (tmp_path / second.path).open("wb") as file:
        file.truncate(second.bytes)
    states = [entry.state for entry in check_dataset(dataset, tmp_path)]
    assert states == ["differs", "there", "missing", "missing"]
    assert main(["datasets", "check", str(tmp_path), "--only", "hevc-d"]) == 1
    told = capsys.readouterr()
    assert "BasketballPass: differs" in told.out
    assert "ask" in told.err
    assert main(["datasets", "list"]) == 0
    assert main(["datasets", "show", "acdc"]) == 0
    told = capsys.readouterr().out
    assert "creatis" in told
    assert "the first 30 frames, groups of 30, PSNR's peak 255, mapped to 8 bits" in told
    assert main(["datasets", "show", "hevc-d"]) == 0
    assert "500 frames, 74.9 MB" in capsys.readouterr().out


def test_a_cine_that_cannot_be_prepared_as_described_differs(tmp_path):
    place = tmp_path / "testing/patient101/patient101_4d.nii.gz"
    place.parent.mkdir(parents=True)
    nibabel.Nifti1Image(np.zeros((8, 8, 9, 30), np.int16), np.eye(4)).to_filename(place)
    states = [entry.state for entry in check_dataset(load_dataset("acdc"), tmp_path)]
    assert states == ["there"] * 9 + ["differs"]
    place.write_bytes(place.read_bytes()[:40])
    found = check_dataset(load_dataset("acdc"), tmp_path)[0]
    assert found.state == "differs"
    assert "cannot read the header" in found.detail


def test_checksums_are_compared(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"123")
    item = Item(name="a", path="a.nii", bytes=3, sha256="0" * 64)
    assert check_dataset(Dataset(name="x", items=(item,)), tmp_path)[0].state == "differs"
    assert check_dataset(Dataset(name="x", items=(item,)), tmp_path, checksums=False)[0].state == "there"


def test_the_stand_ins_are_there(data_dir):
    for name in ("free-scans", "free-video", "acdc-edes"):
        assert {entry.state for entry in check_dataset(load_dataset(name), data_dir)} == {"there"}


def test_the_cine_is_prepared_as_described(tmp_path):
    rng = np.random.default_rng(5)
    cine = rng.integers(-50, 900, (12, 10, 3, 32)).astype(np.int16)
    np.save(tmp_path / "cine.npy", cine)
    item = Item(name="z1", path="cine.npy", z=1, frames=30, bits=8, group_frames=30)
    content = load_item(item, tmp_path)
    voxels = content.parts["scan"].voxels
    assert voxels.shape == (12, 10, 30)
    assert voxels.dtype == np.uint8
    # The whole cine sets the scale, so that slices stay comparable.
    assert np.array_equal(voxels, to_bits(cine, 8)[:, :, 1, :30])
    assert content.axis == "k"
    with pytest.raises(OptionError, match="slice 5"):
        load_item(Item(name="z", path="cine.npy", z=5), tmp_path)
    with pytest.raises(OptionError, match="40 frames"):
        load_item(Item(name="z", path="cine.npy", frames=40), tmp_path)


def test_a_folder_is_a_data_set(tmp_path):
    np.save(tmp_path / "scan.npy", np.zeros((4, 4, 4), np.int16))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "clip_4x4_1.yuv").write_bytes(bytes(24))
    found = dataset_of_folder(tmp_path)
    assert [(item.name, item.is_video) for item in found.items] == [("scan", False), ("sub/clip_4x4_1", True)]
    assert [item.name for item in dataset_of_folder(tmp_path / "scan.npy").items] == ["scan"]


def test_malformed_descriptions_are_refused(tmp_path):
    for content in (
        {"name": "x", "item": [{"name": "a"}]},
        {"name": "x", "item": [{"name": "a", "path": "p", "colour": "red"}]},
        {"name": "x", "item": [{"name": "a", "path": "p"}, {"name": "a", "path": "q"}]},
        {"name": "x", "surplus": 1},
    ):
        with pytest.raises(FormatError, match="here"):
            parse_dataset(content, place="here")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(FormatError, match=r"broken\.toml"):
        load_dataset(str(broken))
    with pytest.raises(OptionError, match="known: acdc"):
        load_dataset("nonsense")
    assert issubclass(OptionError, MedcodecError)


def test_published_tables_hold_the_papers_rows():
    tables = published_tables()
    first = tables["gpu-table1"]
    assert first.anchor == "VTM-11.2"
    assert first.rows["GPU (Ours)"] == (-34.88, -12.17, -32.13, -43.57, -30.68)
    assert len(first.rows) == 7
    assert tables["pevc-table1"].rows["Ours"][-1] == -12.58
    assert tables["pmctf-l-table2-psnr"].rows["pMCTF-CA-L (ours)"] == (-8.0, 12.0)
    assert tables["latent-refinement-table1"].rows["GOP-based RA (alpha 0.4)"][-1] == -11.6
    for table in tables.values():
        assert table.title
        assert table.protocol
        assert all(len(row) == len(table.columns) for row in table.rows.values())


def test_the_means_of_table_1_follow_from_its_classes():
    # What the paper prints is within rounding of what its own columns give; so nothing was copied wrongly.
    for name, row in published_tables()["gpu-table1"].rows.items():
        assert sum(row[:-1]) / 4 == pytest.approx(row[-1], abs=0.011), name


def test_ours_stands_beside_the_paper():
    ours = BdTable(
        "hevc",
        "rgb_psnr_db",
        "pchip",
        [Comparison("mine", "a", "ClassB", -10.0, 1.0), Comparison("mine", "b", "ClassD", -20.0, 1.0)],
    )
    lines = beside_ours(published_tables()["gpu-table1"], ours)
    assert lines[-1] == ["ours: mine", "-10.00", "-", "-20.00", "-", "-15.00"]
