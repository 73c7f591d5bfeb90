"""Optional packages, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from medcodec.errors import MissingDependencyError


def need(module: str, *, extra: str, purpose: str) -> Any:
    """Return a module.

    Parameters
    ----------
    module
        Its name.
    extra
        The extra of medcodec that brings it.
    purpose
        What it is for, as in "SSIM".

    Raises
    ------
    MissingDependencyError
        If it is not installed; the text says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        msg = f"{purpose} needs {module.partition('.')[0]} ({reason}); install medcodec[{extra}]"
        raise MissingDependencyError(msg) from error
