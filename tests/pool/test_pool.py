import os
import signal
import threading
import time

import pytest
from jobs_for_tests import die_always, die_if_negative, die_once, double, refuse, slow

from medcodec.errors import MedcodecError
from medcodec.pool import run_all


def test_results_come_with_their_numbers():
    assert dict(run_all(double, [3, 4, 5], workers=2)) == {0: 6, 1: 8, 2: 10}
    assert list(run_all(double, [], workers=2)) == []


def test_an_exception_ends_its_own_task_only():
    found = dict(run_all(refuse, [1, 2, 3], workers=1))
    assert (found[0], found[2]) == (1, 3)
    assert "two is refused" in str(found[1])


def test_a_task_whose_worker_dies_runs_again(tmp_path):
    places = [str(tmp_path / name) for name in "abc"]
    assert dict(run_all(die_once, places, workers=2)) == {0: "a", 1: "b", 2: "c"}


def test_a_task_that_always_kills_its_worker_is_given_up():
    found = dict(run_all(die_always, [0], workers=1))
    assert isinstance(found[0], MedcodecError)
    assert "died 3 times" in str(found[0])


def test_only_the_task_that_kills_is_given_up():
    found = dict(run_all(die_if_negative, [1, -2, 3, 4], workers=2))
    assert {number: found[number] for number in (0, 2, 3)} == {0: 1, 2: 3, 3: 4}
    assert isinstance(found[1], MedcodecError)


def test_a_missing_scheduler_is_an_error():
    pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(MedcodecError, match="cannot be reached"),
    ):
        list(run_all(double, [1], scheduler="tcp://127.0.0.1:9"))


def test_a_cluster_loses_nothing_when_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    places = [str(tmp_path / f"task{n}") for n in range(12)]
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        results = {}
        thread = threading.Thread(
            target=lambda: results.update(run_all(slow, places, scheduler=cluster.scheduler_address))
        )
        thread.start()
        while not (tmp_path / "task0").exists():
            time.sleep(0.02)
        # It is in the middle of this task now.
        os.kill(int((tmp_path / "task0").read_text().split()[0]), signal.SIGKILL)
        thread.join(timeout=60)
    assert results == {n: f"task{n}" for n in range(12)}
    tries = (tmp_path / "task0").read_text().split()
    assert len(tries) == 2
    assert tries[0] != tries[1]


def test_a_lost_scheduler_is_an_error(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        places = [str(tmp_path / f"task{n}") for n in range(9)]
        results = run_all(slow, places, scheduler=cluster.scheduler_address)
        assert next(results) == (0, "task0")
        cluster.close()
        with pytest.raises(MedcodecError, match="was lost; run this again"):
            list(results)
