"""Standard input and output as files."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from medcodec.errors import MedcodecError

_IN_MEMORY = 1 << 26


@contextlib.contextmanager
def spooled() -> Iterator[BinaryIO]:
    """Open a temporary file that stays in memory while it is small.

    Raises
    ------
    MedcodecError
        If the disk for temporary files is full.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        try:
            yield cast("BinaryIO", file)
        except BrokenPipeError:
            raise
        except OSError as error:
            msg = (
                f"<standard input or output>: temporary data cannot be written ({error.strerror}); free some "
            )
            msg += "space, or set TMPDIR to a folder that has it"
            raise MedcodecError(msg) from error


@contextlib.contextmanager
def opened(name: str) -> Iterator[str | BinaryIO]:
    """Yield a file's name as it is, or standard input, read to its end, for ``-``."""
    if name != "-":
        yield name
        return
    with spooled() as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        yield file


def to_stdout(file: BinaryIO) -> None:
    """Copy a file, from its beginning, to standard output."""
    file.seek(0)
    shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
