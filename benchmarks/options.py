"""What the command lines of the benchmarks have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path


def add_common_options(
    parser: argparse.ArgumentParser, *, codecs: Sequence[str], default: Sequence[str]
) -> None:
    """Add the volumes and the options that every benchmark takes."""
    known = ", ".join(codecs)
    parser.add_argument("volumes", nargs="+", help="files, folders or globs")
    parser.add_argument("--csv", type=Path, required=True, help="rows are added here, and not run again")
    parser.add_argument("--markdown", type=Path, help="write the tables here, too")
    parser.add_argument(
        "--codecs", nargs="+", default=default, metavar="NAME", help=f"names or patterns among: {known}"
    )
    parser.add_argument("--redo", nargs="+", default=[], metavar="NAME", help="measure these codecs again")
    parser.add_argument("--jobs", type=int, default=1, help="measurements at a time (default 1)")


def choose(patterns: Sequence[str], missing: Mapping[str, Callable[[], Sequence[str]]]) -> list[str]:
    """Return the codecs that match, in the order of the patterns; one that lacks a module is named and left.

    ``missing`` has, for each codec that is known, what tells what it lacks.

    Raises
    ------
    SystemExit
        If a pattern matches nothing.
    """
    chosen: list[str] = []
    for pattern in patterns:
        names = [name for name in missing if fnmatchcase(name, pattern)]
        if not names:
            msg = f"no codec is called {pattern!r}; known: {', '.join(missing)}"
            raise SystemExit(msg)
        chosen += [name for name in names if name not in chosen]
    lacking = {name: ", ".join(missing[name]()) for name in chosen}
    for name in filter(lacking.get, chosen):
        print(f"{name}: left out, needs {lacking[name]}; pip install 'medcodec[bench]'", file=sys.stderr)
    return [name for name in chosen if not lacking[name]]
