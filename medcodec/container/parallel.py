"""A map over threads that keeps the order and holds only a few items at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[A], B], items: Iterable[A], *, threads: int | None = None
) -> Generator[B, None, None]:
    """Yield ``function(item)`` in the order of ``items``, computed by ``threads`` threads.

    At most ``threads`` items are worked on or waiting to be taken at any time, so that memory stays
    bounded. An error stops the work; items that have not begun are dropped.

    Parameters
    ----------
    function
        Should release the interpreter's lock in its long parts.
    items
        Taken one at a time.
    threads
        By default one per processor; with 1 everything runs in the calling thread.
    """
    count = threads or default_threads()
    if count <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(count, thread_name_prefix="medcodec")
    try:
        for item in items:
            if len(waiting) >= count:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, item))
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
