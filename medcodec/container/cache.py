"""A small cache of decoded groups, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt


class GroupCache:
    """Keep the arrays that were used last, up to a number of bytes; safe to use from several threads.

    Parameters
    ----------
    max_bytes
        Larger arrays, and what was used least lately, are not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._arrays: OrderedDict[int, npt.NDArray[np.generic]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int) -> npt.NDArray[Any] | None:
        """Return the array kept under ``key``, if there is one."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: int, array: npt.NDArray[Any]) -> None:
        """Keep ``array``, and forget others where it must."""
        with self._lock:
            if array.nbytes > self._max_bytes or key in self._arrays:
                return
            self._arrays[key] = array
            self._bytes += array.nbytes
            while self._bytes > self._max_bytes:
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrays.clear()
            self._bytes = 0
