"""Writing a file so that its final name only ever holds a complete one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medcodec.errors import MedcodecError, OptionError


def same_file(first: Path, second: Path) -> bool:
    """Tell whether two paths lead to one file, through links too."""
    try:
        return first.samefile(second)
    except OSError:
        return False


def check_destination(destination: Path, *, overwrite: bool, sources: tuple[Path, ...] = ()) -> None:
    """Refuse a destination that exists, or that is an input.

    Raises
    ------
    OptionError
        The text names the file and the way out.
    """
    for source in sources:
        if same_file(source, destination):
            msg = f"{destination}: this is the input itself; name another output"
            raise OptionError(msg)
    if destination.exists() and not destination.is_file():
        msg = (
            f"{destination}: this is not a file and cannot be replaced; name another output, or - for a pipe"
        )
        raise OptionError(msg)
    if destination.exists() and not overwrite:
        msg = f"{destination}: this file exists; use --force (overwrite=True) to replace it"
        raise OptionError(msg)


@contextlib.contextmanager
def write_atomically(destination: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``destination``; rename it when the block ends without an error.

    The file is flushed to disk before it is renamed; after an error it is removed and ``destination`` is
    as it was.

    Raises
    ------
    MedcodecError
        If the file cannot be written (no such folder, no permission, disk full).
    """
    try:
        # A link stays, and what it leads to is replaced.
        with _temporary_beside(destination.resolve()) as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        msg = f"{destination}: cannot be written ({reason}); check its folder, permissions and free space"
        raise MedcodecError(msg) from error


@contextlib.contextmanager
def _temporary_beside(destination: Path) -> Iterator[BinaryIO]:
    temporary = destination.with_name(f".{destination.name[:80]}.{secrets.token_hex(8)}.part")
    try:
        # Made within the block, under a name that is known before: no interrupt finds it unguarded.
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if destination.exists():
            temporary.chmod(destination.stat().st_mode)
        temporary.replace(destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(destination.parent)


def _sync_folder(folder: Path) -> None:
    # Makes the rename itself durable; some systems cannot open folders, and need no such thing.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
