"""What all commands have in common."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from medcodec.cli.console import Console

DONE, FAILED, USAGE, PARTLY, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130


@dataclass(frozen=True, kw_only=True)
class Command(ABC):
    """A command with its options as fields.

    Parameters
    ----------
    threads
        None for one per processor.
    quiet, verbose
        How much is written.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    examples: ClassVar[str]
    usual_threads: ClassVar[str] = "one per processor"

    threads: int | None = None
    quiet: bool = False
    verbose: bool = False

    @classmethod
    def add_parser(cls, commands: Any) -> None:
        """Add this command to the parser of the whole command line."""
        parser = commands.add_parser(
            cls.name,
            help=cls.summary,
            description=(cls.__doc__ or "").split("\n")[0],
            epilog=f"examples:\n{cls.examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        cls.add_arguments(parser)
        parser.add_argument(
            "--threads", type=positive, metavar="N", help=f"number of threads (default: {cls.usual_threads})"
        )
        loudness = parser.add_mutually_exclusive_group()
        loudness.add_argument("-q", "--quiet", action="store_true", help="write nothing but errors")
        loudness.add_argument(
            "-v", "--verbose", action="store_true", help="write more; show tracebacks of errors"
        )
        parser.set_defaults(command=cls)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Command:
        """Build the command from parsed arguments."""
        return cls(**{field.name: getattr(arguments, field.name) for field in fields(cls)})

    @classmethod
    @abstractmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""

    @abstractmethod
    def run(self) -> int:
        """Do it, and return the exit status."""

    @property
    def console(self) -> Console:
        """Where to write."""
        return Console(quiet=self.quiet, verbose=self.verbose)


def positive(text: str) -> int:
    """Parse a number of at least 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def not_negative(text: str) -> int:
    """Parse a number of at least 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value
