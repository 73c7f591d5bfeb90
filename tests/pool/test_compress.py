"""`medcodec compress` of a folder by processes and by a cluster: as in one process, and nothing is lost."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from medcodec.cli import main

COUNT = 10


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(2)
    for n in range(COUNT):
        path = folder / ("deep" if n % 2 else ".") / f"scan{n}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.cumsum(rng.integers(-9, 10, (90, 80, 40)), axis=0).astype(np.int16))
    (folder / "broken.npy").write_bytes(path.read_bytes()[:-100])
    return folder


@pytest.fixture(scope="module")
def in_one_process(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("one")
    assert main(["compress", str(study), "-o", str(out), "-q"]) == 1
    return contents(out)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.medc")}


def test_processes_write_the_same_files(study, tmp_path, in_one_process, capsys, monkeypatch):
    monkeypatch.chdir(study.parent)
    command = ["compress", study.name, "-o", str(tmp_path), "--workers", "2"]
    assert main(command) == 1
    told = capsys.readouterr()
    assert f"{COUNT} of {COUNT + 1} scans" in told.out
    assert "failed: broken" in told.out
    assert "broken.npy" in told.err
    assert contents(tmp_path) == in_one_process
    (tmp_path / "scan0.medc").unlink()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.medc")}
    assert main(command) == 1
    assert capsys.readouterr().out.count(" kept ") == COUNT - 1
    assert contents(tmp_path) == in_one_process
    assert all(path.stat().st_mtime_ns == times[path] for path in times)


def test_a_cluster_loses_nothing_when_a_worker_is_killed(
    study, tmp_path, in_one_process, capsys, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster:
        # Its workers started elsewhere.
        monkeypatch.chdir(study.parent)
        command = ["compress", study.name, "-o", str(tmp_path), "--scheduler", cluster.scheduler_address]
        status = []
        thread = threading.Thread(target=lambda: status.append(main(command)))
        thread.start()
        while len(contents(tmp_path)) < 2:
            assert thread.is_alive()
            time.sleep(0.01)
        victim = next(iter(cluster.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        written = len(contents(tmp_path))
        thread.join(timeout=120)
    assert written < COUNT
    assert status == [1]
    assert f"{COUNT} of {COUNT + 1} scans" in capsys.readouterr().out
    assert contents(tmp_path) == in_one_process


def test_one_scan_needs_no_cluster(study, tmp_path, capsys):
    scan, out = str(study / "scan0.npy"), str(tmp_path / "a.medc")
    for option in (["--workers", "2"], ["--scheduler", "tcp://127.0.0.1:9"]):
        assert main(["compress", scan, "-o", out, *option]) == 1
        assert "for several scans" in capsys.readouterr().err
    assert main(["compress", "--bids", str(study), "-o", str(tmp_path / "b"), "--workers", "2"]) == 1
    assert not list(tmp_path.iterdir())
