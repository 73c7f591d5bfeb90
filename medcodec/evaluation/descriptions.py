"""What data sets and published tables are there: TOML files, shipped with the package or written by users."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from medcodec.errors import FormatError, OptionError
from medcodec.extras import need

_PACKAGE = Path(__file__).parent.parent
_CHECKOUT = _PACKAGE.parent


def load_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises
    ------
    FormatError
        If it cannot be read or is malformed.
    MissingDependencyError
        On Python 3.10 without tomli.
    """
    module = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    toml = need(module, extra="eval", purpose="reading descriptions of data sets")
    try:
        content: dict[str, Any] = toml.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, toml.TOMLDecodeError) as error:
        msg = f"{path}: cannot be read as TOML ({error})"
        raise FormatError(msg) from error
    return content


def shipped(folder: str, name: str) -> Path:
    """Return a shipped file: of the source checkout, or of the installed package."""
    path = _base(folder) / name
    if not path.is_file():
        msg = f"{path}: is missing; install the package again"
        raise OptionError(msg)
    return path


def shipped_names(folder: str) -> list[str]:
    """Return the stems of the shipped TOML files of a folder."""
    return sorted(path.stem for path in _base(folder).glob("*.toml"))


def _base(folder: str) -> Path:
    # Beside an installed package there may be a folder of that name that is not ours.
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / folder
    return _PACKAGE / "data" / Path(folder).name
