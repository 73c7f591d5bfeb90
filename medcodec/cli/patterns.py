"""File names and patterns on the command line."""

from __future__ import annotations

import glob
from pathlib import Path

from medcodec.errors import OptionError

SUFFIX = ".medc"


def expand(pattern: str) -> list[str]:
    """Return the files that match a pattern; a name that exists, or has no wildcard, stays as it is."""
    if pattern == "-" or Path(pattern).exists() or not glob.has_magic(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute patterns)
    if not found:
        msg = f"{pattern}: no file matches this pattern"
        raise OptionError(msg)
    return found
