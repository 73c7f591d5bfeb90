"""A file as a range of bytes that any thread, and any forked process, may read from."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from medcodec.errors import MedcodecError


class ByteSource:
    """Random access to an open file; positions are never shared between readers.

    Parameters
    ----------
    file
        Path, seekable binary file, or bytes. Only a file that was opened here is closed here.
    name
        For messages; by default the file's own.

    Raises
    ------
    MedcodecError
        If the file cannot be opened.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO | bytes, *, name: str | None = None) -> None:
        self._owned = isinstance(file, str | os.PathLike)
        self._lock = threading.Lock()
        self._file = _open(file)
        self.name = name or (os.fspath(file) if isinstance(file, str | os.PathLike) else _name_of(file))
        self.size = self._file.seek(0, os.SEEK_END)
        self._descriptor = _descriptor(self._file) if hasattr(os, "pread") else None

    def read(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``; fewer only at the end of the file.

        Raises
        ------
        MedcodecError
            If the system cannot read them.
        """
        count = max(0, min(count, self.size - offset))
        try:
            return self._read(offset, count)
        except (OSError, ValueError) as error:
            msg = f"{self.name}: cannot be read at offset {offset} ({error})"
            raise MedcodecError(msg) from error

    def _read(self, offset: int, count: int) -> bytes:
        if self._descriptor is None:
            with self._lock:
                self._file.seek(offset)
                return self._file.read(count)
        first = os.pread(self._descriptor, count, offset)
        if len(first) == count:
            return first
        parts = [first]
        while parts[-1]:
            offset, count = offset + len(parts[-1]), count - len(parts[-1])
            parts.append(os.pread(self._descriptor, count, offset))
        return b"".join(parts)

    def close(self) -> None:
        """Close the file if it was opened here; nothing can be read any more."""
        self._descriptor = None
        if self._owned:
            self._file.close()

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(file: str | os.PathLike[str] | BinaryIO | bytes) -> BinaryIO:
    if isinstance(file, bytes):
        return io.BytesIO(file)
    if not isinstance(file, str | os.PathLike):
        return file
    try:
        return Path(file).open("rb")
    except OSError as error:
        msg = f"{os.fspath(file)}: cannot be read ({error.strerror or error})"
        raise MedcodecError(msg) from error


def _name_of(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _descriptor(file: BinaryIO) -> int | None:
    # A spooled file in memory would move to disk when asked for its descriptor.
    if isinstance(file, io.BufferedReader | io.BufferedRandom | io.FileIO):
        return file.fileno()
    return None
