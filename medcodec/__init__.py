"""medcodec: compression of medical volumes; exact where it says exact, readable everywhere."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from medcodec.errors import MedcodecError

if TYPE_CHECKING:
    from medcodec.api import compress, decompress
    from medcodec.api import open_medc as open  # noqa: A004
    from medcodec.checks import diff, verify

__version__ = "0.1.0"
__all__ = ["MedcodecError", "__version__", "compress", "decompress", "diff", "open", "verify"]

_PUBLIC = {
    "compress": ("medcodec.api", "compress"),
    "decompress": ("medcodec.api", "decompress"),
    "diff": ("medcodec.checks", "diff"),
    "open": ("medcodec.api", "open_medc"),
    "verify": ("medcodec.checks", "verify"),
}


def __getattr__(name: str) -> Any:
    # Imported on use: NumPy and the formats take longer than the name of the version should.
    if name in _PUBLIC:
        module, attribute = _PUBLIC[name]
        return getattr(import_module(module), attribute)
    msg = f"module 'medcodec' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
