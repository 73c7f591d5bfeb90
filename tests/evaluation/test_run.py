import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medcodec.cli import main
from medcodec.errors import OptionError
from medcodec.evaluation.coding import code
from medcodec.evaluation.datasets import dataset_of_folder
from medcodec.evaluation.job import Options, run_job
from medcodec.evaluation.run import ROWS, load_rows, plan
from medcodec.evaluation.specs import parse_codec, parse_points
from medcodec.evaluation.summary import codec_names

pytest.importorskip("skimage")
pytest.importorskip("PIL")

CODECS = "adaptive,adaptive:effort=fast"


def evaluate(scans, out, *more):
    return main(
        ["evaluate", str(scans), "--codecs", CODECS, "--points", "1,3", "--out", str(out), "-q", *more]
    )


@pytest.fixture(scope="module")
def results(scans, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    assert evaluate(scans, out) == 0
    return out


def test_one_row_per_item_codec_and_point(results):
    rows = list(csv.DictReader((results / "results.csv").open()))
    assert len(rows) == 3 * 2 * 2
    assert {(row["item"], row["codec"], row["point"]) for row in rows} == {
        (item, codec, point)
        for item in ("one", "two", "clip")
        for codec in CODECS.split(",")
        for point in ("1", "3")
    }
    assert len(json.loads((results / "results.json").read_text())) == 12


def test_rows_tell_what_was_decoded(results, scans):
    for row in load_rows(results).values():
        voxels = 24 * 16 * 3 if row["item"] == "clip" else np.load(scans / f"{row['item']}.npy").size
        assert row["voxels"] == voxels
        assert row["max_error"] <= row["point"]
        assert row["identical"] == (row["max_error"] == 0)
        assert row["rate_bpv"] == 8 * row["file_bytes"] / voxels
        assert row["coded_bytes"] < row["file_bytes"]
        assert sum(row["slice_bits"]) == pytest.approx(8 * row["coded_bytes"], rel=1e-5)
        assert len(row["slice_bits"]) == len(row["slice_psnr_db"]) == (3 if row["item"] == "clip" else 5)
        assert row["encode_s"] > 0
        assert row["encode_cpu_s"] > 0
        assert 0 < row["ssim"] <= 1
    video = next(row for row in load_rows(results).values() if row["item"] == "clip")
    assert video["peak"] == "yuv 6:1:1, 255"
    assert video["rgb_psnr_db"] > 30


def test_running_again_keeps_what_is_there(results, scans, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in (results / ROWS).iterdir()}
    assert main(["evaluate", str(scans), "--codecs", CODECS, "--points", "1,3", "--out", str(results)]) == 0
    assert "12 of them from before" in capsys.readouterr().out
    assert {path.name: path.stat().st_mtime_ns for path in (results / ROWS).iterdir()} == before


def test_a_killed_run_goes_on_where_it_was(scans, tmp_path):
    command = [
        sys.executable,
        "-m",
        "medcodec",
        "evaluate",
        str(scans),
        "--codecs",
        CODECS,
        "--points",
        "1,3",
    ]
    command += ["--out", str(tmp_path)]
    running = subprocess.Popen(
        command, cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while len(list((tmp_path / ROWS).glob("*.json"))) < 2:
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    survivors = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ROWS).glob("*.json")}
    assert 2 <= len(survivors) < 12
    assert evaluate(scans, tmp_path) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ROWS).glob("*.json")}
    assert len(after) == 12
    assert survivors.items() <= after.items()


def test_a_cluster_gives_the_same_numbers_though_a_worker_dies(scans, tmp_path, results):
    distributed = pytest.importorskip("distributed")
    import threading

    with distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster:
        status = []
        arguments = ("--scheduler", cluster.scheduler_address)
        thread = threading.Thread(target=lambda: status.append(evaluate(scans, tmp_path, *arguments)))
        thread.start()
        while len(list((tmp_path / ROWS).glob("*.json"))) < 2:
            assert thread.is_alive()
            time.sleep(0.01)
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        thread.join(timeout=120)
    assert status == [0]
    numbers = ("item", "codec", "point", "file_bytes", "psnr_db", "max_error", "ssim", "slice_bits")
    here, there = (
        sorted(str([row[name] for name in numbers]) for row in load_rows(folder).values())
        for folder in (results, tmp_path)
    )
    assert here == there


def test_a_failure_is_told_and_tried_again(scans, tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "good.npy").write_bytes((scans / "one.npy").read_bytes())
    (folder / "bad.y4m").write_bytes(b"YUV4MPEG2 W24 H16\nFRAME\nshort")
    out = tmp_path / "out"
    command = ["evaluate", str(folder), "--codecs", "adaptive", "--out", str(out)]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "bad.y4m: frame 0" in told.err
    assert "1 of 2 results" in told.out
    assert [row["item"] for row in load_rows(out).values()] == ["good"]
    assert main(["report", str(out)]) == 0
    assert "1 results failed and are left out" in (out / "report.html").read_text()
    (folder / "bad.y4m").write_bytes((scans / "clip.y4m").read_bytes())
    assert main(command) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--codecs", "hevc:preset=nonsense"), "known: ultrafast"),
        (("--codecs", "hevc", "--points", "99"), "0 to 51"),
        (("--peak", "wide"), "peak 'wide'"),
        (("--segmenter", "no:such"), "module:function"),
        (("--out", "/dev/null/out"), "cannot make the folder"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_coded(scans, tmp_path, capsys, more, said):
    assert evaluate(scans, tmp_path / "out", *more) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_what_metrics_lack_is_told_before_anything_is_coded(scans, tmp_path, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "skimage" else found(name))
    assert evaluate(scans, tmp_path / "out") == 1
    assert "install medcodec[eval]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("point", "said"), [(0, "does not give back"), (2, "exceeds its error bound")])
def test_a_codec_that_breaks_its_promise_is_a_failure(scans, monkeypatch, point, said):
    def spoilt(*arguments, **options):
        coded = code(*arguments, **options)
        volume = coded.decoded["scan"]
        return replace(coded, decoded={"scan": replace(volume, voxels=volume.voxels + np.int16(5))})

    monkeypatch.setattr("medcodec.evaluation.job.code", spoilt)
    dataset = dataset_of_folder(scans / "one.npy")
    spec = parse_codec("adaptive")
    (job,) = plan(dataset, scans, [spec], {spec.label: [point]}, Options())
    assert said in run_job(job).row["error"]


def test_codecs_and_points_as_users_write_them():
    spec = parse_codec("adaptive:effort=fast:point=max_error")
    assert (spec.name, spec.settings, spec.point_option) == ("adaptive", (("effort", "fast"),), "max_error")
    assert spec.make(2).to_dict()["max_error"] == 2
    assert parse_codec("wavelet").make(50).to_dict()["quality"] == 10
    with pytest.raises(OptionError, match="0 to 100"):
        parse_codec("wavelet").make(101)
    with pytest.raises(OptionError, match="no quality"):
        parse_codec("adaptive:point=quality").make(50)
    assert parse_points(["1,2", "b=0.5,7"], ["a", "b"]) == {"a": [1, 2], "b": [0.5, 7]}
    assert parse_points([], ["a"]) == {"a": [None]}
    assert parse_points(["x:y=z=1"], ["x:y=z"]) == {"x:y=z": [1]}
    for wrong in (["c=1"], ["one"]):
        with pytest.raises(OptionError, match="points"):
            parse_points(wrong, ["a"])
    with pytest.raises(OptionError, match="NAME:OPTION=VALUE"):
        parse_codec("adaptive:fast")


def test_a_real_scan_with_its_task(data_dir, tmp_path):
    out = tmp_path / "out"
    command = ["evaluate", "acdc-edes", "--data", str(data_dir), "--items", "patient077", "--codecs"]
    command += ["adaptive", "--points", "0,4", "--metrics", "task", "--slices", "1", "--out", str(out), "-q"]
    assert main(command) == 0
    exact, near = sorted(load_rows(out).values(), key=lambda row: row["point"])
    assert exact["identical"]
    assert exact["task"]["dice_LV"] == 1
    assert near["max_error"] == 4
    assert 0.9 < near["task"]["dice_LV"] < 1
    assert near["rate_bpv"] < exact["rate_bpv"]
    assert codec_names([exact, near]) == ["adaptive"]
    assert Path(out / "results.csv").read_text().splitlines()[0].endswith("ef_decoded")


def test_standard_codecs_run_with_their_own_options(scans, tmp_path):
    pytest.importorskip("av")
    pytest.importorskip("imagecodecs")
    out = tmp_path / "out"
    command = [
        "evaluate",
        str(scans / "one.npy"),
        "--codecs",
        "hevc:preset=ultrafast,jpegls,hevc:point=quality",
    ]
    command += ["--points", "hevc:preset=ultrafast=10,30", "--points", "jpegls=0,3"]
    command += ["--points", "hevc:point=quality=20,80", "--out", str(out), "-q"]
    assert main(command) == 0
    rows = {(row["codec"], row["point"]): row for row in load_rows(out).values()}
    assert len(rows) == 6
    assert rows["jpegls", 0]["identical"]
    assert rows["jpegls", 3]["max_error"] == 3
    assert rows["hevc:preset=ultrafast", 10]["settings"]["crf"] == 10
    for codec, worse, better in (("hevc:preset=ultrafast", 30, 10), ("hevc:point=quality", 20, 80)):
        assert rows[codec, worse]["rate_bpv"] < rows[codec, better]["rate_bpv"]
        assert rows[codec, worse]["psnr_db"] < rows[codec, better]["psnr_db"]
