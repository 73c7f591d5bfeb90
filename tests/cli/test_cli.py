from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.cli import main
from medcodec.cli.console import human_bytes

ROOT = Path(__file__).parents[2]
# Where programs start: not beside the sources, which have no kernels.
AWAY = Path(__file__).parent
RUN = f"""
import sys; sys.path.insert(0, {str(ROOT / "tests")!r})
import conftest
from medcodec.cli import main
sys.exit(main())
"""


def voxels(seed: int = 0, shape: tuple[int, ...] = (9, 10, 11)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 40, shape).astype(np.int16)


@pytest.fixture
def scan(tmp_path) -> Path:
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(voxels(), np.diag([2.0, 2, 3, 1])), path)
    return path


def medc(*arguments: object) -> int:
    arguments = tuple(map(str, arguments))
    if arguments[0] == "compress":
        arguments += ("--codec", "test-lzma")
    return main(arguments)


def test_there_and_back(scan, tmp_path, capsys):
    assert medc("compress", scan) == 0
    line = capsys.readouterr().out
    assert "scan.medc" in line
    assert "bits per voxel" in line
    assert "against the input" in line
    assert medc("decompress", tmp_path / "scan.medc") == 0
    assert (tmp_path / "scan.nii").read_bytes() == nib.load(scan).to_bytes()
    assert medc("compress", scan, tmp_path / "other.medc", "-q") == 0
    assert medc("decompress", tmp_path / "other.medc", "-o", tmp_path / "other.nii.gz", "-q") == 0
    shown = capsys.readouterr()
    assert "other" not in shown.out + shown.err


def test_all_options_at_once(scan, tmp_path):
    options = [
        "--effort",
        "max",
        "--max-error",
        "2",
        "--axis",
        "j",
        "--group",
        "3",
        "--tile",
        "4",
        "--threads",
        "2",
    ]
    assert medc("compress", scan, "-o", tmp_path / "a.medc", *options, "--no-verify", "-v") == 0
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.info.layout.frames == (1,)
        assert file.info.codec.settings == {"effort": "max", "max_error": 2}
        assert file.info.grid.counts == (1, 4, 3, 3)
        assert np.abs(np.asarray(file).astype(int) - voxels()).max() == 2


def test_patches_have_small_groups(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((70, 40, 33), np.uint8))
    assert (
        medc("compress", tmp_path / "a.npy", "--effort", "fastest", "--patches", "--group", "20", "-q") == 0
    )
    with medcodec.open(tmp_path / "a.medc") as file:
        assert sorted(file.info.grid.counts) == sorted((1, -(-file.info.grid.shape[1] // 20), *tiles(file)))


def tiles(file):
    return [-(-size // 32) for size in file.info.grid.shape[2:]]


def test_info(scan, tmp_path, capsys):
    medc("compress", scan, "-q")
    assert medc("info", tmp_path / "scan.medc") == 0
    text = capsys.readouterr().out
    for part in ("9 x 10 x 11 <i2", "from nifti", "test-lzma", "lossless", "bits per voxel"):
        assert part in text
    assert medc("info", "--json", tmp_path / "scan.medc") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"] == [9, 10, 11]
    assert facts["voxel_bytes"] == 1980
    assert facts["file_bytes"] == (tmp_path / "scan.medc").stat().st_size


def test_verify(scan, tmp_path, capsys):
    medc("compress", scan, "-q")
    path = tmp_path / "scan.medc"
    assert medc("verify", path) == 0
    assert medc("verify", path, scan) == 0
    assert "identical voxels, identical header" in capsys.readouterr().out
    nib.save(nib.Nifti1Image(voxels(), np.eye(4)), tmp_path / "moved.nii")
    assert medc("verify", path, tmp_path / "moved.nii") == 1
    assert "header" in capsys.readouterr().err
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 4
    path.write_bytes(damaged)
    assert medc("verify", path) == 1
    assert "scan.medc" in capsys.readouterr().err


def test_diff(scan, tmp_path, capsys):
    medc("compress", scan, "-q")
    assert medc("diff", scan, tmp_path / "scan.medc") == 0
    assert "equal" in capsys.readouterr().out
    medc("compress", scan, "-o", tmp_path / "lossy.medc", "--max-error", 2, "-q")
    assert medc("diff", scan, tmp_path / "lossy.medc") == 1
    text = capsys.readouterr().out
    assert "greatest error: 2" in text
    assert "PSNR" in text
    assert "peak 39" in text
    assert medc("diff", scan, tmp_path / "lossy.medc", "--json") == 1
    assert json.loads(capsys.readouterr().out)["max_error"] == 2


def test_salvage(scan, tmp_path, capsys):
    medc("compress", scan, "-q", "--axis", "k", "--group", 4)
    path = tmp_path / "scan.medc"
    path.write_bytes(path.read_bytes()[:-200])
    assert medc("decompress", path) == 1
    assert "--salvage" in capsys.readouterr().err
    assert not (tmp_path / "scan.nii").exists()
    assert medc("decompress", path, "--salvage", "--fill", 7) == 3
    text = capsys.readouterr().out
    assert "2 of 3 groups recovered" in text
    assert "lost group 2: frames (k) 8..10" in text
    back = np.asarray(nib.load(tmp_path / "scan.nii").dataobj)
    assert np.array_equal(back[..., :8], voxels()[..., :8])
    assert (back[..., 8:] == 7).all()


class TestManyScans:
    @pytest.fixture
    def study(self, tmp_path) -> Path:
        for seed, name in enumerate(["a.nii", "deep/b.nii.gz", "c.npy"]):
            path = tmp_path / "study" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("npy"):
                np.save(path, voxels(seed))
            else:
                nib.save(nib.Nifti1Image(voxels(seed), np.eye(4)), path)
        return tmp_path / "study"

    def test_a_folder_with_resume(self, study, tmp_path, capsys):
        out = tmp_path / "out"
        assert medc("compress", study, "-o", out) == 0
        table = capsys.readouterr().out
        assert "3 of 3 scans" in table
        files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.medc"))
        assert files == ["a.medc", "c.medc", "deep/b.medc"]
        times = {path: path.stat().st_mtime_ns for path in out.rglob("*.medc")}
        (out / "c.medc").unlink()
        assert medc("compress", study, "-o", out) == 0
        assert capsys.readouterr().out.count("kept") == 2
        kept = [path for path in times if path.stat().st_mtime_ns == times[path]]
        assert sorted(path.name for path in kept) == ["a.medc", "b.medc"]

    def test_what_does_not_belong_is_not_kept(self, study, tmp_path, capsys):
        out = tmp_path / "out"
        medc("compress", study, "-o", out, "-q")
        nib.save(nib.Nifti1Image(voxels(9), np.eye(4)), study / "a.nii")
        damaged = bytearray((out / "c.medc").read_bytes())
        damaged[-200] ^= 1
        (out / "c.medc").write_bytes(damaged)
        assert medc("compress", study, "-o", out) == 1
        shown = capsys.readouterr()
        assert "1 of 3 scans" in shown.out
        assert "failed: a, c" in shown.out
        assert "--force" in shown.err
        assert medc("compress", study, "-o", out, "--force", "-q") == 0
        assert medc("verify", out / "a.medc", study / "a.nii") == 0

    def test_lossy_results_are_kept_only_for_lossy_requests(self, study, tmp_path):
        out = tmp_path / "out"
        assert medc("compress", study, "-o", out, "-q", "--max-error", 2) == 0
        assert medc("compress", study, "-o", out, "-q", "--max-error", 2) == 0
        assert medc("compress", study, "-o", out, "-q", "--max-error", 3) == 0
        assert medc("compress", study, "-o", out, "-q", "--max-error", 1) == 1
        assert medc("compress", study, "-o", out, "-q") == 1

    def test_failures_are_named_and_the_rest_goes_on(self, study, tmp_path, capsys):
        (study / "bad.nii").write_bytes((study / "a.nii").read_bytes()[:-100])
        (study / "empty.nii.gz").write_bytes(b"")
        for name in "abcdef":
            (study / f"notes-{name}.txt").write_text("no scan")
        assert medc("compress", study, "-o", tmp_path / "out") == 1
        shown = capsys.readouterr()
        assert "3 of 5 scans" in shown.out
        assert "empty.nii.gz, bad" in shown.out
        assert "bad.nii" in shown.err
        assert "notes-a.txt" in shown.err
        assert "3 more files" in shown.err

    def test_patterns_and_several_inputs(self, study, tmp_path, capsys):
        out = tmp_path / "out"
        assert medc("compress", f"{study}/**/*.nii*", "-o", out) == 0
        assert "2 of 2 scans" in capsys.readouterr().out
        assert medc("compress", study / "a.nii", study / "c.npy", "-o", tmp_path / "two") == 0
        assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["a.medc", "c.medc"]
        assert medc("compress", f"{study}/*.dcm", "-o", out) == 1
        assert "no file matches" in capsys.readouterr().err
        assert medc("compress", study) == 1
        assert "-o FOLDER" in capsys.readouterr().err
        assert medc("compress", study / "a.nii", study / "c.npy", "-q") == 0
        assert sorted(path.name for path in study.glob("*.medc")) == ["a.medc", "c.medc"]

    def test_two_scans_of_one_name(self, study, tmp_path):
        np.save(study / "a.npy", voxels(7))
        assert medc("compress", study / "a.nii", study / "a.npy", "-o", tmp_path / "out", "-q") == 0
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-2.medc", "a.medc"]

    def test_decompress_many(self, study, tmp_path, capsys):
        out, back = tmp_path / "out", tmp_path / "back"
        medc("compress", study, "-o", out, "-q")
        (out / "bad.medc").write_bytes(b"nothing")
        files = sorted(out.glob("*.medc"))
        assert medc("decompress", *files, "-o", back) == 1
        assert "bad.medc" in capsys.readouterr().err
        assert sorted(path.name for path in back.iterdir()) == ["a.nii", "c.npy"]
        assert (back / "a.nii").read_bytes() == (study / "a.nii").read_bytes()
        (out / "bad.medc").unlink()
        assert medc("decompress", out, "-o", tmp_path / "all", "-q") == 0
        assert (tmp_path / "all" / "deep" / "b.nii").exists()
        assert medc("decompress", study, "-o", tmp_path / "none") == 1


def piped(*arguments: object, data: bytes = b"") -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    return subprocess.run(command, input=data, cwd=AWAY, capture_output=True, check=False, timeout=60)


def test_pipes(scan):
    raw = nib.load(scan).to_bytes()
    packed = piped("compress", "-", "--codec", "test-lzma", data=raw)
    assert packed.returncode == 0, packed.stderr
    assert b"bits per voxel" in packed.stderr
    assert piped("info", "-", "--json", data=packed.stdout).returncode == 0
    back = piped("decompress", "-", "-o", "-", data=packed.stdout)
    assert back.stdout == raw
    assert b"Traceback" not in back.stderr
    assert piped("decompress", "-", data=packed.stdout[:-9]).returncode == 1
    assert piped("decompress", "-", data=packed.stdout[:-9]).stdout == b""


def test_no_escape_codes_into_pipes(scan):
    done = piped("compress", scan, "-f", "--codec", "test-lzma")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\r" not in done.stdout + done.stderr


def test_reader_that_goes_away(scan, tmp_path):
    medc("compress", scan, "-q")
    command = [sys.executable, "-c", RUN, "info", *[str(tmp_path / "scan.medc")] * 3000]
    with subprocess.Popen(command, cwd=AWAY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupt(tmp_path):
    np.save(tmp_path / "large.npy", voxels(0, (300, 300, 40)))
    command = [sys.executable, "-c", RUN, "compress", str(tmp_path / "large.npy"), "--codec", "test-lzma"]
    with subprocess.Popen([*command, "--group", "1"], cwd=AWAY, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(tmp_path.glob(".large*")):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert b"interrupted" in process.stderr.read()
    assert [path.name for path in tmp_path.iterdir()] == ["large.npy"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["compress", "missing.nii"], "missing.nii"),
        (["compress", "{scan}", "-o", "{scan}", "-f"], "input itself"),
        (["compress", "{scan}", "--max-error", "some"], "max_error 'some'"),
        (["compress", "{scan}", "--axis", "q"], "unknown axis 'q'"),
        (["compress", "{scan}", "--axis", "t"], "no frame axis 't'"),
        (["compress", "-", "{scan}"], "one scan at a time"),
        (["decompress", "{scan}"], "not a .medc file"),
        (["decompress", "-", "x.medc", "-o", "."], "one file at a time"),
        (["info", "missing.medc"], "missing.medc"),
        (["diff", "{scan}", "missing.nii"], "missing.nii"),
    ],
)
def test_every_error_is_one_line_that_names_its_cause(scan, capsys, monkeypatch, arguments, text):
    monkeypatch.chdir(scan.parent)
    before = scan.read_bytes()
    assert medc(*[part.format(scan=scan) for part in arguments]) == 1
    error = capsys.readouterr().err
    assert text in error
    assert error.startswith("medcodec: ")
    assert error.count("\n") == 1
    assert scan.read_bytes() == before
    assert [path.name for path in scan.parent.iterdir()] == ["scan.nii.gz"]


def test_unexpected_errors(scan, capsys, monkeypatch):
    monkeypatch.setattr("medcodec.writing.choose_layout", lambda *_: 1 / 0)
    assert medc("compress", scan) == 70
    shown = capsys.readouterr().err
    assert "internal error (ZeroDivisionError" in shown
    assert "Traceback" not in shown
    assert medc("compress", scan, "-v") == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["compress"], ["decompress"], ["info"], ["verify"], ["diff"]])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    assert f"medcodec {' '.join(command)}".strip() in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.parametrize(
    "arguments",
    [[], ["shrink"], ["compress"], ["compress", "a", "--threads", "0"], ["info", "-q", "-v", "a"]],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_progress_on_a_terminal_only(scan, monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert medc("compress", scan) == 0
    assert "scan.nii.gz" in terminal.getvalue()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (12_345_678, "12.3 MB"), (999_600, "1 MB")],
)
def test_sizes_for_people(count, text):
    assert human_bytes(count) == text
