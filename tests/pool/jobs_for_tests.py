"""Work for other processes: functions must be importable there."""

import os
import signal
import time
from pathlib import Path


def double(number):
    return 2 * number


def refuse(number):
    if number == 2:
        msg = "two is refused"
        raise ValueError(msg)
    return number


def die_once(place):
    """Kill the own process the first time, and work the second."""
    mark = Path(place)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mark.name


def die_always(_):
    os.kill(os.getpid(), signal.SIGKILL)


def slow(place):
    """Leave a mark with the number of the process, and take a while."""
    with Path(place).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.5)
    return Path(place).name


def die_if_negative(number):
    """Kill the own process for negative numbers; others take a while, so that they are under way then."""
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    return number
