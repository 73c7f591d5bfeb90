"""The error for another project that is not installed."""

from __future__ import annotations

from medcodec.errors import MissingDependencyError


def missing(error: ImportError, *, extra: str) -> MissingDependencyError:
    """Return the error to raise where an import failed; its text names the extra."""
    name = error.name or "a package"
    msg = f"{name} cannot be imported ({error}); install it with: pip install 'medcodec[{extra}]'"
    return MissingDependencyError(msg)
