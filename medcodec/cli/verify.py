"""``medcodec verify``: whether a .medc file is whole, and holds a certain scan."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import ClassVar

from medcodec.cli.command import DONE, FAILED, Command


@dataclass(frozen=True, kw_only=True)
class Verify(Command):
    """Decode a .medc file and check every checksum in it; compare it with the original if that is given.

    Parameters
    ----------
    file
        The .medc file.
    original
        The scan that it should hold.
    """

    name: ClassVar[str] = "verify"
    summary: ClassVar[str] = "check a .medc file, alone or against its original"
    examples: ClassVar[str] = """\
  medcodec verify scan.medc                          every checksum in the file
  medcodec verify scan.medc scan.nii.gz              and every voxel and header byte against the original"""

    file: str
    original: str | None = None

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("file", metavar="FILE", help="the .medc file")
        parser.add_argument(
            "original", nargs="?", metavar="ORIGINAL", help="the scan that it should hold, in any format"
        )

    def run(self) -> int:
        """Verify; everything that is wrong is an error."""
        from medcodec.checks import verify  # noqa: PLC0415 (slow to import)

        found = verify(self.file, self.original, threads=self.threads)
        text = f"{self.file}: good: {found.voxels} voxels in {found.groups} groups"
        if found.difference is None:
            self.console.result(f"{text}, all checksums match")
            return DONE
        error = found.difference.max_error
        text += f"; against {self.original}: " + (
            "identical voxels" if error == 0 else f"greatest error {error:g}"
        )
        if found.source_identical is False:
            self.console.error(f"{text}, but the header or other bytes beside the voxels differ")
            return FAILED
        self.console.result(text + (", identical header" if found.source_identical else ""))
        return DONE
