"""``medcodec decompress``: .medc files back to what they were made from."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from medcodec.cli.command import DONE, FAILED, PARTLY, Command
from medcodec.cli.console import Console, human_bytes
from medcodec.cli.patterns import SUFFIX, expand
from medcodec.cli.streams import opened
from medcodec.errors import MedcodecError, OptionError

_SHOWN_GROUPS = 20


@dataclass(frozen=True, kw_only=True)
class Decompress(Command):
    """Restore the files that .medc files were made from; a NIfTI file comes back byte for byte.

    Parameters
    ----------
    inputs
        .medc files, folders or patterns, or "-" for standard input.
    output
        File, folder, or "-" for standard output.
    force
        Replace files that exist.
    salvage
        Recover what is whole in damaged files.
    fill
        Value of voxels that are lost.
    scale, every
        Make the volume smaller, by decoding only a part of it.
    bids
        The input is a BIDS dataset that was compressed with ``--bids``.
    """

    name: ClassVar[str] = "decompress"
    summary: ClassVar[str] = "restore scans from .medc files"
    examples: ClassVar[str] = """\
  medcodec decompress scan.medc                      write scan.nii
  medcodec decompress scan.medc -o back.nii.gz       write it compressed
  medcodec decompress packed/ -o restored/           all files of a folder
  medcodec decompress --bids packed/ -o dataset/     a BIDS dataset, as it was
  medcodec decompress - < scan.medc > scan.nii       in a pipe
  medcodec decompress --scale 1/4 --every 2 big.medc a small volume, big.reduced.nii
  medcodec decompress --salvage broken.medc          recover the healthy groups of a damaged file"""

    inputs: list[str]
    output: str | None = None
    force: bool = False
    salvage: bool = False
    fill: float = 0
    scale: int = 1
    every: int = 1
    bids: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument(
            "inputs", nargs="+", metavar="FILE", help=".medc files, folders or patterns; - for standard input"
        )
        parser.add_argument(
            "-o", "--output", help="file, folder for several inputs, or - for standard output"
        )
        parser.add_argument("-f", "--force", action="store_true", help="replace files that exist")
        parser.add_argument(
            "--salvage", action="store_true", help="recover the healthy groups of damaged files"
        )
        parser.add_argument(
            "--fill", type=float, default=0, metavar="VALUE", help="value of lost voxels (default: 0)"
        )
        parser.add_argument(
            "--scale",
            type=_scale,
            default=1,
            metavar="1/N",
            help="decode pictures at 1/2, 1/4, ... of their size",
        )
        parser.add_argument(
            "--every", type=int, default=1, metavar="N", help="decode every N-th frame only (default: 1)"
        )
        parser.add_argument(
            "--bids", action="store_true", help="the input is a dataset that was compressed with --bids"
        )

    @property
    def console(self) -> Console:
        """Where to write; standard output may be taken by the data."""
        return Console(quiet=self.quiet, verbose=self.verbose, results_to_stderr=self._to_stdout)

    @property
    def _to_stdout(self) -> bool:
        return self.output == "-" or (self.output is None and self.inputs == ["-"])

    def run(self) -> int:
        """Restore each file; go on after a failure, and tell of it in the exit status."""
        if self.bids:
            return self._restore_dataset()
        files = [item for name in self.inputs for item in _files(name)]
        if len(files) == 1 and files[0][1] is None:
            return self._restore(files[0][0], self.output)
        if "-" in self.inputs or self._to_stdout:
            msg = "standard input and output take one file at a time"
            raise OptionError(msg)
        statuses = [self._restore_one_of_many(name, folder) for name, folder in files]
        return FAILED if FAILED in statuses else max(statuses)

    def _restore_dataset(self) -> int:
        from medcodec.cli.bids import tell, two_folders  # noqa: PLC0415 (slow to import)
        from medcodec.integrations.bids import decompress_dataset  # noqa: PLC0415

        if self.salvage or (self.scale, self.every) != (1, 1):
            msg = "--salvage, --scale and --every take files, not a dataset"
            raise OptionError(msg)
        source, destination = two_folders(self.inputs, self.output)
        with self.console.progress(source) as progress:
            report = decompress_dataset(
                source, destination, overwrite=self.force, threads=self.threads, progress=progress
            )
        return tell(report, f"{source} -> {destination}", self.console)

    def _restore_one_of_many(self, name: str, folder: Path | None) -> int:
        output = None if self.output is None else f"{Path(self.output) / (folder or '')}/"
        try:
            return self._restore(name, output)
        except MedcodecError as error:
            self.console.error(str(error))
            return FAILED

    def _restore(self, name: str, output: str | None) -> int:
        from medcodec.api import decompress  # noqa: PLC0415 (slow to import)

        destination: Any = sys.stdout.buffer if self._to_stdout else output
        with opened(name) as source:
            done = decompress(
                source,
                destination,
                salvage=self.salvage,
                fill=self.fill,
                scale=self.scale,
                every=self.every,
                threads=self.threads,
                overwrite=self.force,
            )
        for note in done.notes:
            self.console.note(note)
        written = sum(path.stat().st_size for path in done.paths)
        where = ", ".join(str(path) for path in done.paths[:3]) + (", ..." if len(done.paths) > 3 else "")
        self.console.result(
            f"{name} -> {where or 'standard output'}: {human_bytes(done.file_bytes)} to "
            f"{human_bytes(written or done.voxel_bytes)}, {done.voxels} voxels"
        )
        return self._report_losses(name, done.salvaged) if done.salvaged else DONE

    def _report_losses(self, name: str, salvaged: Any) -> int:
        from medcodec.container.salvage import describe_box  # noqa: PLC0415 (slow to import)

        total = len(salvaged.header.grid)
        self.console.result(f"{name}: {total - len(salvaged.lost)} of {total} groups recovered")
        for note in salvaged.notes:
            self.console.result(f"  {note}")
        for loss in salvaged.lost[:_SHOWN_GROUPS]:
            box = describe_box(salvaged.header, loss.number)
            self.console.result(f"  lost group {loss.number}: {box}: {loss.reason}")
        if len(salvaged.lost) > _SHOWN_GROUPS:
            self.console.result(f"  and {len(salvaged.lost) - _SHOWN_GROUPS} more groups")
        return DONE if salvaged.complete else PARTLY


def _scale(text: str) -> int:
    """Return 2 for "1/2"."""
    one, slash, number = text.partition("/")
    return int(number if slash and int(one) == 1 else text)


def _files(name: str) -> list[tuple[str, Path | None]]:
    """Return the .medc files that a name, a pattern or a folder stands for, with their place in it."""
    files: list[tuple[str, Path | None]] = []
    for path in expand(name):
        if path == "-" or not Path(path).is_dir():
            files.append((path, None))
            continue
        inside = sorted(Path(path).rglob(f"*{SUFFIX}"))
        if not inside:
            msg = f"{path}: no {SUFFIX} file in this folder"
            raise OptionError(msg)
        files += [(str(file), file.parent.relative_to(path)) for file in inside]
    return files
