from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.cli import main
from medcodec.errors import FormatError, OptionError
from medcodec.integrations.bids import compress_dataset, decompress_dataset
from medcodec.volume import read_bytes
from medcodec.volume.gzip_layer import find_layer
from medcodec.volume.model import SourceRecord
from medcodec.volume.original import Original

ROOT = Path(__file__).parents[2]
CODEC = {"codec": "test-lzma"}


def nifti(seed: int = 0, shape: tuple[int, ...] = (6, 7, 8), dtype: str = "<i2") -> bytes:
    voxels = np.random.default_rng(seed).integers(0, 90, shape).astype(dtype)
    image = nib.Nifti1Image(voxels, np.diag([2.0, 2, 3, 1]))
    image.set_data_dtype(dtype)
    return image.to_bytes()


def gz(content: bytes, level: int = 6, memory: int = 8, name: bytes = b"", mtime: int = 0) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory)
    head = bytes([31, 139, 8, 8 if name else 0]) + mtime.to_bytes(4, "little") + b"\0\x03"
    body = packer.compress(content) + packer.flush()
    ends = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return head + (name + b"\0" if name else b"") + body + ends


def strange_gz(content: bytes) -> bytes:
    """Flushed in the middle, as no setting of zlib does by itself."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(content[:700]) + packer.flush(zlib.Z_FULL_FLUSH)
    body += packer.compress(content[700:]) + packer.flush()
    plain = gz(content)
    return plain[:10] + body + plain[-8:]


def make_dataset(root: Path) -> Path:
    files = {
        "dataset_description.json": json.dumps({"Name": "made", "BIDSVersion": "1.10.0"}).encode(),
        "participants.tsv": b"participant_id\tage\nsub-01\t34\n",
        "README": b"made for a test\n",
        "CHANGES": b"",
        ".bidsignore": b"extra/\n",
        "sub-01/anat/sub-01_T1w.nii.gz": gz(nifti(1), 6, name=b"sub-01_T1w.nii", mtime=1_600_000_000),
        "sub-01/anat/sub-01_T1w.json": b'{"EchoTime": 0.003}\r\n',
        "sub-01/func/sub-01_task-rest_bold.nii.gz": gz(nifti(2, (5, 6, 4, 9)), 1),
        "sub-01/func/sub-01_task-rest_events.tsv": b"onset\tduration\n1\t2\n",
        "sub-01/dwi/sub-01_dwi.nii": nifti(3, (4, 5, 6, 7), ">f4"),
        "sub-01/dwi/sub-01_dwi.bval": b"0 1000 1000\n",
        "sub-02/anat/sub-02_T1w.nii.gz": gz(nifti(4), 9, 9),
        "sub-02/anat/sub-02_T1w.nii": nifti(5),
        "sub-02/anat/._sub-02_T1w.nii.gz": b"a resource fork",
        "derivatives/masks/sub-01_mask.nii.gz": gz(nifti(6, dtype="|u1"), 3),
        "derivatives/empty.nii.gz": b"",
        "derivatives/broken.nii.gz": gz(nifti(7))[:-40],
        "sourcedata/odd name (1).NII.GZ": gz(nifti(8)),
    }
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    (root / "sub-03" / "anat").mkdir(parents=True)
    return root


def tree(root: Path) -> dict[str, object]:
    """Files by content, links by target, empty folders."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


@pytest.fixture
def dataset(tmp_path) -> Path:
    return make_dataset(tmp_path / "dataset")


def test_there_and_back_is_byte_identical(dataset, tmp_path):
    report = compress_dataset(dataset, tmp_path / "packed", **CODEC)
    assert report.failed == ()
    assert report.count("compressed") == 7
    packed = tree(tmp_path / "packed")
    before = tree(dataset)
    for name in ("participants.tsv", "sub-01/anat/sub-01_T1w.json", ".bidsignore", "CHANGES", "sub-03/anat"):
        assert packed[name] == before[name]
    images = {name for name in packed if name.endswith(".medc")}
    assert images == {
        "sub-01/anat/sub-01_T1w.medc",
        "sub-01/func/sub-01_task-rest_bold.medc",
        "sub-01/dwi/sub-01_dwi.medc",
        "sub-02/anat/sub-02_T1w.medc",
        "sub-02/anat/sub-02_T1w.nii.medc",
        "derivatives/masks/sub-01_mask.medc",
        "sourcedata/odd name (1).medc",
    }
    assert {name for name in packed if name.lower().endswith((".nii", ".nii.gz"))} == {
        "sub-02/anat/._sub-02_T1w.nii.gz",
        "derivatives/empty.nii.gz",
        "derivatives/broken.nii.gz",
    }
    assert [note.split(":")[0] for note in report.notes] == [
        "derivatives/broken.nii.gz",
        "derivatives/empty.nii.gz",
    ]
    back = decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert back.failed == back.notes == ()
    assert tree(tmp_path / "back") == before
    for name in before:
        if (dataset / name).is_file():
            assert (tmp_path / "back" / name).stat().st_mtime_ns == (dataset / name).stat().st_mtime_ns


def test_on_the_command_line(dataset, tmp_path, capsys):
    packed, back = tmp_path / "packed", tmp_path / "back"
    assert main(["compress", "--bids", str(dataset), "-o", str(packed), "--codec", "test-lzma"]) == 0
    shown = capsys.readouterr()
    assert "7 compressed" in shown.out
    assert "broken.nii.gz: copied as it is" in shown.err
    assert main(["decompress", "--bids", str(packed), str(back)]) == 0
    assert "7 restored" in capsys.readouterr().out
    assert tree(back) == tree(dataset)
    anat = "sub-01/anat/sub-01_T1w"
    assert main(["verify", str(packed / f"{anat}.medc"), str(dataset / f"{anat}.nii.gz")]) == 0
    assert "identical header" in capsys.readouterr().out
    assert main(["compress", "--bids", str(dataset)]) == 1
    assert main(["decompress", "--bids", "--salvage", str(packed), str(back)]) == 1


def test_a_second_run_does_nothing(dataset, tmp_path):
    compress_dataset(dataset, tmp_path / "packed", **CODEC)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "packed").rglob("*")}
    inodes = {path: path.stat().st_ino for path in before}
    again = compress_dataset(dataset, tmp_path / "packed", **CODEC)
    assert again.count("present") == 18
    assert again.failed == ()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "packed").rglob("*")} == before
    assert {path: path.stat().st_ino for path in before} == inodes
    decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert decompress_dataset(tmp_path / "packed", tmp_path / "back").count("present") == 18


def test_a_killed_run_goes_on(dataset, tmp_path):
    for seed in range(12):
        (dataset / f"sub-01/func/more_{seed:02}.nii.gz").write_bytes(gz(nifti(seed, (60, 60, 20)), 1))
    packed = tmp_path / "packed"
    command = [sys.executable, "-m", "medcodec", "compress", "--bids", str(dataset), "-o", str(packed)]
    run = subprocess.Popen([*command, "--threads", "1"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(list(packed.rglob("*.medc"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    made = {path: path.stat().st_ino for path in packed.rglob("*.medc")}
    assert 3 <= len(made) < 19
    leftover = packed / f".sub-01_x.medc.{'0' * 16}.part"
    leftover.write_bytes(b"half")
    report = compress_dataset(dataset, packed)
    assert report.failed == ()
    assert report.count("present") >= len(made)
    assert {path: path.stat().st_ino for path in made} == made
    assert not list(packed.rglob("*.part"))
    decompress_dataset(packed, tmp_path / "back")
    assert tree(tmp_path / "back") == tree(dataset)


def test_gzip_layers_that_cannot_be_made_again(dataset, tmp_path):
    odd = dataset / "sub-01/anat/sub-01_T1w.nii.gz"
    odd.write_bytes(strange_gz(nifti(1)))
    report = compress_dataset(dataset, tmp_path / "packed", **CODEC)
    assert any("sub-01_T1w.nii.gz: comes back in another gzip" in note for note in report.notes)
    assert compress_dataset(dataset, tmp_path / "packed", **CODEC).notes == report.notes
    back = decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert len(back.notes) == 1
    restored = (tmp_path / "back" / "sub-01/anat/sub-01_T1w.nii.gz").read_bytes()
    assert restored != odd.read_bytes()
    assert gzip.decompress(restored) == nifti(1)
    assert decompress_dataset(tmp_path / "packed", tmp_path / "back").count("restored") == 0
    # Asked to keep them, the tree is the same to the last byte.
    refused = compress_dataset(dataset, tmp_path / "packed", exact_gzip=True, **CODEC)
    assert "without the gzip layer" in refused.failed[0].note
    exact = compress_dataset(dataset, tmp_path / "exact", exact_gzip=True, **CODEC)
    assert exact.count("compressed") == 6
    decompress_dataset(tmp_path / "exact", tmp_path / "same")
    assert tree(tmp_path / "same") == tree(dataset)


def test_another_zlib_is_noticed(dataset, tmp_path, monkeypatch):
    compress_dataset(dataset, tmp_path / "packed", **CODEC)
    original = zlib.compressobj

    def other(_, *rest):
        return original(0, *rest)

    monkeypatch.setattr(zlib, "compressobj", other)
    back = decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert back.failed == ()
    assert len(back.notes) == 5
    assert all("this build of zlib" in note for note in back.notes)
    name = "sub-01/anat/sub-01_T1w.nii.gz"
    assert gzip.decompress((tmp_path / "back" / name).read_bytes()) == nifti(1)


def test_links(dataset, tmp_path):
    store = dataset / ".git" / "annex"
    store.mkdir(parents=True)
    (store / "key1").write_bytes(gz(nifti(9)))
    (store / "key1").chmod(0o444)
    anat = dataset / "sub-03" / "anat"
    (anat / "sub-03_T1w.nii.gz").symlink_to("../../.git/annex/key1")
    (anat / "sub-03_T2w.nii.gz").symlink_to("../../.git/annex/absent")
    (anat / "sub-03_T1w.json").symlink_to("../../sub-01/anat/sub-01_T1w.json")
    (dataset / "code").symlink_to("sub-01", target_is_directory=True)
    (dataset / "up").symlink_to("..", target_is_directory=True)
    report = compress_dataset(dataset, tmp_path / "packed", **CODEC)
    assert report.failed == ()
    assert any("sub-03_T2w.nii.gz: the link leads to no file" in note for note in report.notes)
    assert any(".git: version control, left out" in note for note in report.notes)
    assert compress_dataset(dataset, tmp_path / "packed", **CODEC).count("copied") == 0
    decompress_dataset(tmp_path / "packed", tmp_path / "back")
    back = tree(tmp_path / "back")
    assert back["sub-03/anat/sub-03_T1w.nii.gz"] == gz(nifti(9))
    assert back["sub-03/anat/sub-03_T2w.nii.gz"] == "../../.git/annex/absent"
    assert back["sub-03/anat/sub-03_T1w.json"] == (anat / "sub-03_T1w.json").read_bytes()
    assert (back["code"], back["up"]) == ("sub-01", "..")
    assert not any(name.startswith(".git/") for name in back)


def test_lossy_images_keep_their_bound_and_all_else(dataset, tmp_path):
    (dataset / "sub-01/dwi/sub-01_dwi.nii").write_bytes(nifti(3))  # the codec of the tests bounds no floats
    assert compress_dataset(dataset, tmp_path / "packed", max_error=2, **CODEC).notes[2:] == ()
    assert compress_dataset(dataset, tmp_path / "packed", max_error=2, **CODEC).count("present") == 18
    assert len(compress_dataset(dataset, tmp_path / "packed", max_error=1, **CODEC).failed) == 7
    decompress_dataset(tmp_path / "packed", tmp_path / "back")
    before, after = tree(dataset), tree(tmp_path / "back")
    assert set(before) == set(after)
    assert after["participants.tsv"] == before["participants.tsv"]
    image = nib.Nifti1Image.from_bytes(gzip.decompress(after["sub-01/anat/sub-01_T1w.nii.gz"]))
    difference = image.get_fdata() - nib.Nifti1Image.from_bytes(nifti(1)).get_fdata()
    assert 0 < np.abs(difference).max() <= 2


def test_what_is_there_and_differs_is_never_replaced_unasked(dataset, tmp_path):
    packed = tmp_path / "packed"
    compress_dataset(dataset, packed, **CODEC)
    (dataset / "participants.tsv").write_bytes(b"changed")
    (dataset / "sub-01/dwi/sub-01_dwi.nii").write_bytes(nifti(99))
    medc = packed / "sub-01/anat/sub-01_T1w.medc"
    medc.write_bytes(medc.read_bytes()[:-30])
    flipped = packed / "sub-01/func/sub-01_task-rest_bold.medc"
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 16
    flipped.write_bytes(data)
    report = compress_dataset(dataset, packed, **CODEC)
    assert [item.name for item in report.failed] == [
        "participants.tsv",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/dwi/sub-01_dwi.nii",
        "sub-01/func/sub-01_task-rest_bold.nii.gz",
    ]
    assert compress_dataset(dataset, packed, overwrite=True, **CODEC).failed == ()
    decompress_dataset(packed, tmp_path / "back")
    assert tree(tmp_path / "back") == tree(dataset)
    target = tmp_path / "back" / "sub-01/anat/sub-01_T1w.nii.gz"
    target.write_bytes(b"mine")
    assert [item.name for item in decompress_dataset(packed, tmp_path / "back").failed] == [
        "sub-01/anat/sub-01_T1w.medc"
    ]
    assert target.read_bytes() == b"mine"


def test_folders_that_make_no_sense_are_refused(dataset, tmp_path):
    for out in (dataset, dataset / "inside", tmp_path):
        with pytest.raises(OptionError, match="beside"):
            compress_dataset(dataset, out)
    with pytest.raises(OptionError, match="no folder"):
        decompress_dataset(tmp_path / "absent", tmp_path / "back")
    compress_dataset(dataset, tmp_path / "packed", **CODEC)
    with pytest.raises(OptionError, match="already"):
        compress_dataset(tmp_path / "packed", tmp_path / "twice")


def test_other_medc_files_are_copied_on_the_way_back(dataset, tmp_path):
    compress_dataset(dataset, tmp_path / "packed", **CODEC)
    medcodec.compress(np.arange(9, dtype=np.int16), tmp_path / "packed" / "mine.medc", **CODEC)
    back = decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert (tmp_path / "back" / "mine.medc").read_bytes() == (tmp_path / "packed" / "mine.medc").read_bytes()
    assert "mine.medc: was not made" in back.notes[0]


@pytest.mark.parametrize("memory", [8, 9])
@pytest.mark.parametrize("level", range(1, 10))
def test_layers_of_zlib_are_found(level, memory):
    content = nifti(0, (30, 30, 30))
    packed = gz(content, level, memory, name=b"scan.nii", mtime=12345)
    layer = find_layer(packed, content)
    assert layer is not None
    assert layer.pack(content) == packed


def test_layers_of_common_writers_are_found(tmp_path):
    content = nifti(0, (40, 40, 30))
    written = {}
    for level in (1, 6, 9):
        file = io.BytesIO()
        with gzip.GzipFile("scan.nii", "wb", level, file) as packed:
            packed.write(content)
        written[f"python {level}"] = file.getvalue()
    nib.save(nib.Nifti1Image.from_bytes(content), tmp_path / "scan.nii.gz")
    written["nibabel"] = (tmp_path / "scan.nii.gz").read_bytes()
    for name, packed in written.items():
        layer = find_layer(packed, gzip.decompress(packed))
        assert layer is not None, name


@pytest.mark.parametrize("packed", [b"", b"\x1f\x8b", gz(nifti()) + gz(nifti()), gz(nifti()) + b"tail"])
def test_what_is_no_single_member_has_no_layer(packed):
    assert find_layer(packed, nifti()) is None


BAD = [b"", b"{}", b"[]", b'{"bytes":1,"gzip":[1,2],"name":"a","packed":true,"sha256":""}']
BAD += [b'{"bytes":1,"gzip":["1f",99,8],"name":"a","packed":true,"sha256":""}', b"\xff"]


@pytest.mark.parametrize("blob", BAD)
def test_malformed_descriptions_are_refused(blob):
    with pytest.raises(FormatError, match="original"):
        Original.from_source(SourceRecord("nifti", {}, {"original": blob}))


@pytest.mark.parametrize("name", ["../out.nii", "/out.nii", "", "..", "a/b.nii", "c:\\x.nii"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    volume = read_bytes(nifti())
    original = replace(Original.of("x", nifti()), name=name)
    source = replace(volume.source, blobs={**volume.source.blobs, "original": original.to_blob()})
    (tmp_path / "packed").mkdir()
    medcodec.compress(replace(volume, source=source), tmp_path / "packed" / "x.medc", **CODEC)
    report = decompress_dataset(tmp_path / "packed", tmp_path / "back")
    assert "no name of a file" in report.failed[0].note
    assert list((tmp_path / "back").iterdir()) == []
