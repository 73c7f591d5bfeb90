"""Everything that shows a folder of results: tables, Markdown, plots, the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medcodec.container.atomic import write_atomically
from medcodec.errors import MissingDependencyError
from medcodec.evaluation.bjontegaard import Method
from medcodec.evaluation.page import build_page
from medcodec.evaluation.plots import write_plots
from medcodec.evaluation.published import anchor_note, beside_ours, published_table
from medcodec.evaluation.run import TABLE_CSV, count_failed, load_rows
from medcodec.evaluation.summary import BdTable, codec_names, compare_all, usable_quality
from medcodec.evaluation.tables import Table, bd_table, codec_table, item_table, task_table


@dataclass(frozen=True)
class Report:
    """What `write_report` made.

    Parameters
    ----------
    tables
        To be shown.
    paths
        Files written.
    notes
        What could not be done.
    """

    tables: list[Table]
    paths: list[Path]
    notes: list[str]


def write_report(
    folder: Path,
    *,
    anchor: str | None = None,
    quality: str | None = None,
    method: Method = "pchip",
    paper: str | None = None,
    title: str | None = None,
    every_item: bool = False,
) -> Report:
    """Write ``report.md``, ``report.html``, ``rd.png`` and ``rd.svg`` into a folder of results.

    Parameters
    ----------
    folder
        That `medcodec.evaluation.run.run` wrote into.
    anchor
        Codec that BD-rates refer to; by default the first, and none where there is one codec only.
    quality
        Measure of curves and BD-rates, by default the slices' mean PSNR.
    method
        Of BD-rates.
    paper
        Id of a published table to show beside ours.
    title
        Of the page.
    every_item
        Make a line per item, codec and point in the first table, instead of means over items.

    Raises
    ------
    OptionError
        If there are no results, or the anchor, quality or paper is unknown.
    """
    rows = load_rows(folder)
    values = list(rows.values())
    measure = usable_quality(values, quality)
    names = codec_names(values)
    bd = compare_all(values, anchor or names[0], quality=measure, method=method) if len(names) > 1 else None
    tables = _tables(values, bd, paper, every_item=every_item)
    if failed := count_failed(folder):
        told = f"{failed} results failed and are left out; {TABLE_CSV} says why."
        tables[0] = replace(tables[0], notes=(*tables[0].notes, told))
    notes: list[str] = []
    paths: list[Path] = []
    try:
        paths += write_plots(values, folder, quality=measure)
    except MissingDependencyError as error:
        notes.append(f"no plots: {error}")
    heading = title or f"medcodec: {', '.join(sorted({row['dataset'] for row in values}))}"
    page = build_page(rows, folder, title=heading, quality=measure, bd=bd, tables=tables)
    markdown = "\n".join([f"# {heading}", "", *(table.markdown() for table in tables)])
    for name, text in (("report.md", markdown), ("report.html", page)):
        with write_atomically(folder / name) as file:
            file.write(text.encode())
        paths.append(folder / name)
    return Report(tables, paths, notes)


def _tables(
    rows: list[dict[str, Any]], bd: BdTable | None, paper: str | None, *, every_item: bool
) -> list[Table]:
    tables = [item_table(rows) if every_item else codec_table(rows)]
    if bd is not None:
        tables.append(bd_table(bd))
    if paper is not None:
        published = published_table(paper)
        ours = bd or BdTable("none", "none", "pchip", [])
        lines = beside_ours(published, ours)
        title = f"Paper / ours, BD-rate in percent: {published.title}"
        tables.append(Table(title, ["codec", *published.columns], lines, (anchor_note(published, ours),)))
    task = task_table(rows)
    return [*tables, task] if task else tables
