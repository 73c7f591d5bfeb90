"""The curve of a training run as a CSV file: a row per network and interval."""

from __future__ import annotations

from pathlib import Path

from medcodec.container.atomic import write_atomically

COLUMNS = ("stage", "step", "seconds", "learning_rate", "rounded", "network", "loss", "figure", "unit")


class Curve:
    """Rows of a CSV file, of which the last ones can be taken back.

    Parameters
    ----------
    path
        Of the file.
    rows
        How many rows are kept of what it holds, as a checkpoint says.
    writes
        Whether this process writes the file.
    """

    def __init__(self, path: Path, *, rows: int = 0, writes: bool = True) -> None:
        self._path = path
        self.rows = rows
        if not writes:
            return
        lines = path.read_text("utf-8").splitlines()[1 : rows + 1] if path.exists() else []
        self.rows = len(lines)
        with write_atomically(path) as file:
            file.write("".join(f"{line}\n" for line in [",".join(COLUMNS), *lines]).encode())

    def add(self, **values: str | float) -> None:
        """Add a row; numbers have six digits."""
        cells = [
            f"{value:.6g}" if isinstance(value, float) else str(value) for value in map(values.get, COLUMNS)
        ]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(",".join(cells) + "\n")
        self.rows += 1
