"""Run many tasks on this machine or on a Dask cluster, so that the death of a worker loses nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from medcodec.errors import MedcodecError
from medcodec.extras import need

T = TypeVar("T")
R = TypeVar("R")

MAX_ATTEMPTS = 3


def run_all(
    function: Callable[[T], R], tasks: Sequence[T], *, workers: int = 1, scheduler: str | None = None
) -> Iterator[tuple[int, R | Exception]]:
    """Yield each task's number and its result, or the exception that ended it, as they come.

    A task whose worker dies (killed, out of memory, crashed) is given to another one, up to 3 times.

    Parameters
    ----------
    function
        Of a module, so that other processes can import it.
    workers
        Processes on this machine.
    scheduler
        Address of a Dask scheduler ("tcp://host:8786") whose workers are used instead; the files of the tasks
        must have the same paths there.

    Raises
    ------
    MissingDependencyError
        If Dask is asked for and not installed.
    MedcodecError
        If the scheduler cannot be reached, or is lost.
    """
    if not tasks:
        return iter(())
    if scheduler:
        return _on_cluster(function, tasks, scheduler)
    return _on_this_machine(function, tasks, workers)


def _on_this_machine(
    function: Callable[[T], R], tasks: Sequence[T], workers: int
) -> Iterator[tuple[int, R | Exception]]:
    left = list(range(len(tasks)))
    while left:
        suspects: list[int] = []
        with _processes(workers) as pool:
            for number, outcome in _until_broken(pool, function, tasks, left, workers):
                if isinstance(outcome, BrokenProcessPool):
                    suspects.append(number)
                else:
                    yield number, outcome
        # A worker's death ends all that was under way; alone, each task answers for itself only.
        for number in suspects:
            yield number, _alone(function, tasks[number])


def _until_broken(
    pool: ProcessPoolExecutor, function: Callable[[T], R], tasks: Sequence[T], left: list[int], workers: int
) -> Iterator[tuple[int, R | Exception]]:
    """Take tasks from ``left`` and yield outcomes, until all are there or the pool broke.

    As many tasks are under way as there are workers; those that a broken pool took along come with its error.
    """
    running: dict[Future[R], int] = {}
    broken = False
    while running or (left and not broken):
        while left and not broken and len(running) < workers:
            try:
                running[pool.submit(function, tasks[left[0]])] = left[0]
            except BrokenProcessPool:
                broken = True
            else:
                del left[0]
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            number = running.pop(future)
            failure = future.exception()
            broken = broken or isinstance(failure, BrokenProcessPool)
            if isinstance(failure, Exception):
                yield number, failure
            else:
                yield number, future.result()


def _alone(function: Callable[[T], R], task: T) -> R | Exception:
    for _ in range(MAX_ATTEMPTS - 1):
        with _processes(1) as pool:
            future = pool.submit(function, task)
            failure = future.exception()
            if failure is None:
                return future.result()
            if isinstance(failure, Exception) and not isinstance(failure, BrokenProcessPool):
                return failure
    return MedcodecError(f"its worker died {MAX_ATTEMPTS} times; see the system's log")


def _processes(workers: int) -> ProcessPoolExecutor:
    # Not forked: codecs hold threads, which do not survive that.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _on_cluster(
    function: Callable[[T], R], tasks: Sequence[T], scheduler: str
) -> Iterator[tuple[int, R | Exception]]:
    distributed: Any = need("dask.distributed", extra="dask", purpose="running on a cluster")
    try:
        client = distributed.Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        msg = f"{scheduler}: the Dask scheduler cannot be reached ({error}); start one with: dask scheduler"
        raise MedcodecError(msg) from error
    with client:
        futures = client.map(function, tasks, pure=False)
        numbers = {future.key: number for number, future in enumerate(futures)}
        for future in distributed.as_completed(futures, loop=client.loop):
            try:
                failure = future.exception()
                outcome = future.result() if failure is None else _plain(failure)
            except CancelledError as error:
                msg = f"{scheduler}: the connection to the Dask scheduler was lost; "
                msg += "run this again when it is back, what is done is kept"
                raise MedcodecError(msg) from error
            yield numbers[future.key], outcome


def _plain(error: BaseException) -> Exception:
    if type(error).__name__ == "KilledWorker":
        return MedcodecError(f"its workers died ({error})")
    return error if isinstance(error, Exception) else MedcodecError(str(error))
