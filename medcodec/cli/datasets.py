"""``medcodec datasets``: which data sets are described, and whether one is there."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from medcodec.cli.command import DONE, FAILED, Command
from medcodec.cli.console import human_bytes

if TYPE_CHECKING:
    from medcodec.evaluation.datasets import Item


@dataclass(frozen=True, kw_only=True)
class Datasets(Command):
    """List the data sets that are described, show one, or check what of them a folder holds.

    Parameters
    ----------
    action
        "list", "show" or "check".
    target
        A data set to show, or a folder to check.
    only
        Check this data set only.
    checksums
        Compare SHA-256 where known.
    """

    name: ClassVar[str] = "datasets"
    summary: ClassVar[str] = "list data sets, or check a folder for them"
    examples: ClassVar[str] = """\
  medcodec datasets list
  medcodec datasets show acdc                    where to ask for it, and the folder layout expected
  medcodec datasets check ~/video --only hevc-d  what is there, missing, different"""

    action: str
    target: str | None = None
    only: str | None = None
    checksums: bool = True

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("action", choices=("list", "show", "check"))
        parser.add_argument("target", nargs="?", metavar="NAME|DIR", help="data set to show, folder to check")
        parser.add_argument("--only", metavar="NAME", help="check this data set only")
        parser.add_argument(
            "--no-checksums", dest="checksums", action="store_false", help="compare names and sizes only"
        )

    def run(self) -> int:
        """Do what was asked for."""
        from medcodec.errors import OptionError  # noqa: PLC0415

        if self.action == "list":
            return self._list()
        if self.target is None:
            msg = f"datasets {self.action} needs a {'data set' if self.action == 'show' else 'folder'}"
            raise OptionError(msg)
        return self._show(self.target) if self.action == "show" else self._check(Path(self.target))

    def _list(self) -> int:
        from medcodec.evaluation.datasets import dataset_names, load_dataset  # noqa: PLC0415 (slow to import)

        rows = []
        for name in dataset_names():
            dataset = load_dataset(name)
            rows.append([name, str(len(dataset.items)), dataset.title])
        self.console.table("", ["data set", "items", "what it is"], rows)
        return DONE

    def _show(self, name: str) -> int:
        from medcodec.evaluation.datasets import load_dataset  # noqa: PLC0415

        dataset = load_dataset(name)
        for key in ("title", "licence", "source", "layout", "note"):
            if text := getattr(dataset, key):
                self.console.result(f"{key:<8} {text}")
        for protocol in dict.fromkeys(_protocol(item) for item in dataset.items):
            self.console.result(f"protocol {protocol}")
        rows = [[item.name, item.path, _facts(item)] for item in dataset.items]
        self.console.table("", ["item", "file", "whole file"], rows)
        return DONE

    def _check(self, folder: Path) -> int:
        from medcodec.errors import OptionError  # noqa: PLC0415
        from medcodec.evaluation.datasets import check_dataset, dataset_names, load_dataset  # noqa: PLC0415

        if not folder.is_dir():
            msg = f"{folder}: is not a folder; name the one that holds data sets"
            raise OptionError(msg)
        rows, different, missing = [], False, False
        for name in [self.only] if self.only else dataset_names():
            dataset = load_dataset(name)
            found = check_dataset(dataset, folder, checksums=self.checksums)
            counts = {state: sum(entry.state == state for entry in found) for state in ("there", "missing")}
            wrong = [entry for entry in found if entry.state == "differs"]
            rows.append([name, str(counts["there"]), str(counts["missing"]), str(len(wrong))])
            partly = self.only or counts["there"] or wrong
            for entry in found:
                if entry.state != "there" and partly:
                    self.console.result(f"{name}, {entry.item.name}: {entry.state}: {entry.detail}")
            different, missing = different or bool(wrong), missing or bool(counts["missing"])
            if counts["missing"] and partly:
                self.console.note(f"{name}: {dataset.source}; {dataset.layout}")
        self.console.table(str(folder), ["data set", "there", "missing", "differ"], rows)
        if missing:
            self.console.note("where files are expected: medcodec datasets show NAME")
        return FAILED if different or (self.only and missing) else DONE


def _protocol(item: Item) -> str:
    """Return how an item is evaluated, in words."""
    parts = [
        "all frames" if item.frames is None else f"the first {item.frames} frames",
        "groups as codecs choose" if item.group_frames is None else f"groups of {item.group_frames}",
        f"PSNR's peak {item.peak}",
        *([f"mapped to {item.bits} bits"] if item.bits else []),
    ]
    return ", ".join(parts)


def _facts(item: Item) -> str:
    """Return what is known of an item's file: size, and terms of its own."""
    parts = [
        "x".join(map(str, item.shape or ())),
        f"{item.total_frames} frames" if item.total_frames else "",
        human_bytes(item.bytes) if item.bytes else "",
        "checksum known" if item.sha256 else "",
        item.licence,
    ]
    return ", ".join(part for part in parts if part) or "not known"
