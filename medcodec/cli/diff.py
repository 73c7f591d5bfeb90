"""``medcodec diff``: how two scans of any format differ."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass
from typing import ClassVar

from medcodec.cli.command import DONE, FAILED, Command


@dataclass(frozen=True, kw_only=True)
class Diff(Command):
    """Compare two scans of any format voxel by voxel: greatest error and where it is, PSNR, how many differ.

    Parameters
    ----------
    first, second
        The scans.
    as_json
        Write JSON.
    """

    name: ClassVar[str] = "diff"
    summary: ClassVar[str] = "compare two scans of any format"
    examples: ClassVar[str] = """\
  medcodec diff scan.nii.gz scan.medc                exit status 0 if all voxels are equal, 1 if not
  medcodec diff a.nii.gz b.nrrd --json"""

    first: str
    second: str
    as_json: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("first", metavar="FIRST", help="a scan in any format, .medc included")
        parser.add_argument("second", metavar="SECOND", help="another one of the same shape")
        parser.add_argument("--json", dest="as_json", action="store_true", help="write JSON")

    def run(self) -> int:
        """Compare, and tell in the exit status whether the voxels are equal."""
        from medcodec.checks import diff  # noqa: PLC0415 (slow to import)

        found = diff(self.first, self.second, threads=self.threads)
        if self.as_json:
            fields = dataclasses.asdict(found)
            plain = {key: _json_number(value) for key, value in fields.items()}
            self.console.result(json.dumps(plain, indent=2))
        elif not found.different:
            self.console.result(f"all {found.voxels} voxels are equal")
        else:
            kind = "scaled" if found.scaled else "stored"
            self.console.result(f"greatest error: {found.max_error:g} ({kind} values) at voxel {found.where}")
            self.console.result(f"PSNR: {found.psnr_db:.2f} dB, peak {found.peak:g} (range of {self.first})")
            share = 100 * found.different / found.voxels
            self.console.result(f"voxels that differ: {found.different} of {found.voxels} ({share:.3g} %)")
        return FAILED if found.different else DONE


def _json_number(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
