"""The command line: one file per command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    from medcodec.cli.run import run  # noqa: PLC0415 (--version should not wait for NumPy)

    return run(arguments)
