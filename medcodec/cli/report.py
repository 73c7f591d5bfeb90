"""``medcodec report``: tables, plots and a page of what ``medcodec evaluate`` measured."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medcodec.cli.command import DONE, Command


@dataclass(frozen=True, kw_only=True)
class Report(Command):
    """Show results as tables, and write them as Markdown, plots (PNG, SVG) and one HTML page.

    Parameters
    ----------
    folder
        Of results.
    anchor
        Codec that BD-rates refer to; by default the first.
    quality
        Measure of quality for curves and BD-rates.
    method
        "pchip" or "cubic".
    paper
        Id of a published table to show beside.
    title
        Of the page.
    every_item
        Show a line per item instead of means.
    """

    name: ClassVar[str] = "report"
    summary: ClassVar[str] = "show what evaluate measured"
    examples: ClassVar[str] = """\
  medcodec report results                                writes results/report.md, rd.png, rd.svg, report.html
  medcodec report results --anchor hevc --quality rgb_psnr_db --paper gpu-table1"""

    folder: Path
    anchor: str | None = None
    quality: str | None = None
    method: str = "pchip"
    paper: str | None = None
    title: str | None = None
    every_item: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("folder", type=Path, metavar="DIR", help="folder that evaluate wrote")
        parser.add_argument("--anchor", metavar="CODEC", help="that BD-rates refer to (default: the first)")
        parser.add_argument(
            "--quality", metavar="NAME", help="psnr_slice_db (default), psnr_db, rgb_psnr_db, ..."
        )
        parser.add_argument("--method", choices=("pchip", "cubic"), default="pchip", help="of BD-rates")
        parser.add_argument("--paper", metavar="ID", help="show a published table beside, such as gpu-table1")
        parser.add_argument("--title", metavar="TEXT", help="title of the page")
        parser.add_argument("--every-item", action="store_true", help="a line per item instead of means")

    def run(self) -> int:
        """Show and write."""
        from medcodec.evaluation.report import write_report  # noqa: PLC0415 (slow to import)

        written = write_report(
            self.folder,
            anchor=self.anchor,
            quality=self.quality,
            method="cubic" if self.method == "cubic" else "pchip",
            paper=self.paper,
            title=self.title,
            every_item=self.every_item,
        )
        for table in written.tables:
            self.console.table(table.title, table.columns, table.rows)
            for note in table.notes:
                self.console.note(note)
        for note in written.notes:
            self.console.note(note)
        self.console.result("written: " + ", ".join(str(path) for path in written.paths))
        return DONE
