"""Wall time, processor time and peak memory of a piece of work."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Parameters
    ----------
    seconds
        Wall time.
    cpu_seconds
        Of all threads, and of programs that it ran and waited for.
    peak_bytes
        Most memory held at a time, beyond what was held before, by this process alone; None where the
        operating system cannot tell (it takes Linux with glibc).
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int | None


def measured(work: Callable[[], T]) -> tuple[T, Cost]:
    """Do some work; return its result and what it took."""
    before = _reset_peak()
    cpu, began = _cpu(), time.perf_counter()
    result = work()
    seconds, used = time.perf_counter() - began, _cpu() - cpu
    peak = None if before is None else max(0, (_status_bytes("VmHWM") or 0) - before)
    return result, Cost(seconds, used, peak)


def _cpu() -> float:
    times = os.times()
    # Only for children: what os.times tells of this process is counted in hundredths of a second.
    return time.process_time() + times.children_user + times.children_system


def _reset_peak() -> int | None:
    """Make the high-water mark of memory start anew; return what is held now, None where that fails."""
    try:
        # Memory that was freed but not given back would hide what is allocated anew.
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR.write_text("5")
    except (OSError, AttributeError, TypeError):
        return None
    return _status_bytes("VmRSS")


def _status_bytes(key: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{key}:")]
    return int(found[0]) * 1024 if found else None
