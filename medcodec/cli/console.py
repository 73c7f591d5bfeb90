"""What commands say: results on standard output, all else on standard error, progress on terminals only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Console:
    """Where a command writes.

    Parameters
    ----------
    quiet
        Only errors are written.
    verbose
        More is written, and errors come with their traceback.
    results_to_stderr
        Results too go to standard error, because standard output takes the data.
    """

    quiet: bool = False
    verbose: bool = False
    results_to_stderr: bool = False

    def result(self, text: str) -> None:
        """Write a line of the result."""
        if not self.quiet:
            stream = sys.stderr if self.results_to_stderr else sys.stdout
            stream.write(text + "\n")
            stream.flush()

    def note(self, text: str) -> None:
        """Write something that users should know."""
        if not self.quiet:
            sys.stderr.write(text + "\n")

    def detail(self, text: str) -> None:
        """Write something for those who ask for more."""
        if self.verbose:
            sys.stderr.write(text + "\n")

    def error(self, text: str) -> None:
        """Write an error, whatever was asked for."""
        sys.stderr.write(f"medcodec: {text}\n")

    @contextlib.contextmanager
    def progress(self, title: str) -> Iterator[Progress | None]:
        """Show a bar while the block runs; nothing where standard error is not a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console as RichConsole  # noqa: PLC0415 (slow to import)
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with RichProgress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """Write a table of results."""
        if self.quiet:
            return
        from rich.console import Console as RichConsole  # noqa: PLC0415 (slow to import)
        from rich.table import Table  # noqa: PLC0415

        stream = sys.stderr if self.results_to_stderr else sys.stdout
        table = Table(title=title, title_justify="left")
        for n, column in enumerate(columns):
            table.add_column(column, justify="left" if n == 0 else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        width = None if stream.isatty() else 160
        RichConsole(file=stream, width=width, markup=False, highlight=False).print(table)


def human_bytes(count: int) -> str:
    """Return a size for people: ``12.3 MB``."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size:.0f} TB"


def ratio(before: int, after: int) -> str:
    """Return how many times smaller something became: ``3.21x``."""
    return f"{before / max(1, after):.2f}x"
