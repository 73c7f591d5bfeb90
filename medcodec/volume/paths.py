"""Names of files that come from files: only those inside the scan's own folder are followed."""

from __future__ import annotations

from pathlib import PurePosixPath

from medcodec.errors import UnsupportedDataError


def check_beside(name: str, place: str) -> None:
    """Raise `UnsupportedDataError` unless ``name`` lies in the folder of the file called ``place``."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts or ":" in name:
        msg = f"{place}: refers to the file {name!r} outside its folder; move it there and edit the name"
        raise UnsupportedDataError(msg)
