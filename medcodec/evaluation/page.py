"""One HTML page with everything in it: curves, BD-rates, slices; it needs no network and no server."""

from __future__ import annotations

import html
import json
import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from medcodec.evaluation.plots import LABELS
from medcodec.evaluation.run import load_previews
from medcodec.evaluation.summary import QUALITIES, BdTable
from medcodec.evaluation.tables import Table

Row = dict[str, Any]
PICTURE_BYTES = 48_000_000
_KEPT = (
    "item",
    "group",
    "codec",
    "point",
    "point_option",
    "rate_bpv",
    "rate_coded_bpv",
    "file_bytes",
    "max_error",
    "identical",
    "peak",
    "slice_psnr_db",
    "slice_bits",
    *QUALITIES,
)


def build_page(
    rows: dict[str, Row], out: Path, *, title: str, quality: str, bd: BdTable | None, tables: list[Table]
) -> str:
    """Return the page.

    Parameters
    ----------
    rows
        By key, as `medcodec.evaluation.run.load_rows` gives them.
    out
        Folder of the results, for the pictures; as many are taken as fit into 48 MB.
    title
        Of the page.
    quality
        What curves show first.
    bd
        BD-rates, if there is an anchor.
    tables
        Shown as they are.
    """
    records = []
    left = PICTURE_BYTES
    for key, row in rows.items():
        pictures = load_previews(out, key)
        size = sum(len(str(value)) for picture in pictures for value in picture.values())
        left -= size
        kept = {name: row[name] for name in _KEPT if row.get(name) is not None}
        records.append({**kept, "pictures": pictures if left >= 0 else []})
    data = {
        "title": title,
        "quality": quality,
        "labels": {name: LABELS[name] for name in QUALITIES if any(name in record for record in records)},
        "rows": records,
        "anchor": bd.anchor if bd else "",
        "picturesLeftOut": left < 0,
    }
    template = files("medcodec.evaluation").joinpath("page.html").read_text("utf-8")
    # "<" never stands in the data as such, so that no text of it can end the script.
    script = json.dumps(_plain(data), separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "TITLE": html.escape(title),
        "TABLES": "\n".join(_html_table(table) for table in tables),
        "DATA": script,
    }
    return re.sub("@(TITLE|TABLES|DATA)@", lambda mark: parts[mark[1]], template)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _html_table(table: Table) -> str:
    heads = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    items = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    notes = f"<ul>{items}</ul>" if items else ""
    return (
        f"<section><h2>{html.escape(table.title)}</h2><div class='wide'><table>"
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{notes}</section>"
    )
