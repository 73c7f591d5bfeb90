"""BD-rates as papers print them, beside our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medcodec.errors import OptionError
from medcodec.evaluation.descriptions import load_toml, shipped
from medcodec.evaluation.summary import BdTable

_FOLDER, _FILE = "docs/results", "published.toml"
_MEANS = ("avg", "avg.", "all", "mean")


@dataclass(frozen=True)
class PublishedTable:
    """One table of a paper.

    Parameters
    ----------
    id
        For choosing it.
    title
        Paper and table.
    anchor, quality, protocol
        What the BD-rates refer to.
    columns
        Classes of items; a mean among them is called "Avg", "Avg." or "All".
    rows
        BD-rates in percent by codec, one per column.
    """

    id: str
    title: str
    anchor: str
    quality: str
    protocol: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]


def published_tables() -> dict[str, PublishedTable]:
    """Return all published tables by their id."""
    content = load_toml(shipped(_FOLDER, _FILE))
    return {name: _table(name, entry) for name, entry in content.items()}


def published_table(name: str) -> PublishedTable:
    """Return a published table.

    Raises
    ------
    OptionError
        If there is none of that id.
    """
    tables = published_tables()
    if name not in tables:
        msg = f"published table {name!r} is not known; there are {', '.join(tables)}"
        raise OptionError(msg)
    return tables[name]


def beside_ours(table: PublishedTable, ours: BdTable) -> list[list[str]]:
    """Return lines for a table: the paper's codecs, then ours, each with its BD-rates in the paper's columns.

    Ours are the means of the groups that are called as the columns are; "-" where there is no such group.
    """
    lines = [[f"paper: {name}", *(f"{value:+.2f}" for value in row)] for name, row in table.rows.items()]
    lines.append([f"ours: {ours.anchor} (anchor)", *("+0.00" for _ in table.columns)])
    for codec in ours.codecs:
        values = []
        for column in table.columns:
            group = None if column.lower() in _MEANS else column
            found = ours.mean(codec, group)
            values.append("-" if found is None else f"{found:+.2f}")
        lines.append([f"ours: {codec}", *values])
    return lines


def anchor_note(table: PublishedTable, ours: BdTable) -> str:
    """Return what makes the two comparable or not, in one line."""
    return (
        f"paper: anchor {table.anchor}, {table.quality}, {table.protocol}; ours: anchor {ours.anchor}, "
        f"{ours.quality}, {ours.method}. BD-rates against other anchors do not compare."
    )


def _table(name: str, entry: dict[str, Any]) -> PublishedTable:
    columns, rows = entry["columns"], entry["rows"]
    return PublishedTable(
        id=name,
        title=str(entry["title"]),
        anchor=str(entry["anchor"]),
        quality=str(entry["quality"]),
        protocol=str(entry["protocol"]),
        columns=tuple(columns),
        rows={str(row[0]): tuple(float(value) for value in row[1:]) for row in rows},
    )
