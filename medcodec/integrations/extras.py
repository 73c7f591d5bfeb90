"""Importing another project on use, with an error that names the extra that brings it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from medcodec.errors import MissingDependencyError


def require(module: str, *, extra: str) -> Any:
    """Return an imported module.

    Raises
    ------
    MissingDependencyError
        If it cannot be imported; the text names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{module} cannot be imported ({error}); install it with: pip install 'medcodec[{extra}]'"
        raise MissingDependencyError(msg) from error
