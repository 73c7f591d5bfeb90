"""Running one measurement: CPU time, and a process of its own.

Apart, a crash inside a library does not end the run, and memory does not pile up.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from benchmarks.rows import AnyRow

T = TypeVar("T")

# Calls shorter than this are repeated, and the fastest one counts: a single one would be noise.
MIN_TIMED_S = 0.3


def cpu_time(call: Callable[[], T]) -> tuple[T, float]:
    """Return the call's result and its CPU seconds over all threads of this process."""
    best = float("inf")
    started = time.process_time()
    while True:
        before = time.process_time()
        result = call()
        after = time.process_time()
        best = min(best, after - before)
        if after - started >= MIN_TIMED_S:
            return result, best


def measure_apart(measure: Callable[..., AnyRow], describe: Callable[..., AnyRow], *arguments: Any) -> AnyRow:
    """Return ``measure(*arguments)`` from a fresh process; a failure is noted in the row of ``describe``."""
    try:
        return run_apart(measure, *arguments)
    except RuntimeError as error:
        text = " ".join(str(error).split())[:200]
        return replace(describe(*arguments), note=f"failed: {text}")


def run_apart(function: Callable[..., T], *arguments: Any) -> T:
    """Return ``function(*arguments)``, called in a fresh process.

    Raises
    ------
    RuntimeError
        If the function raised, or the process died.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        succeeded, result = receiver.recv()
    except EOFError:
        process.join()
        msg = f"the process died with exit code {process.exitcode}"
        raise RuntimeError(msg) from None
    process.join()
    if not succeeded:
        raise RuntimeError(result)
    return result  # type: ignore[no-any-return]


def _send_result(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        sender.send((True, function(*arguments)))
    except Exception as error:  # whatever a foreign library raises becomes a note in the table
        sender.send((False, f"{type(error).__name__}: {error}"))
