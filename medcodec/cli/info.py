"""``medcodec info``: what a .medc file holds, without decoding it."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from medcodec.cli.command import DONE, Command
from medcodec.cli.console import human_bytes, ratio
from medcodec.cli.streams import opened

if TYPE_CHECKING:
    from medcodec.container.reader import MedcFile


@dataclass(frozen=True, kw_only=True)
class Info(Command):
    """Tell what .medc files hold and how they were coded, without decoding them.

    Parameters
    ----------
    files
        .medc files, or "-".
    as_json
        Write one JSON object per file.
    """

    name: ClassVar[str] = "info"
    summary: ClassVar[str] = "show what a .medc file holds"
    examples: ClassVar[str] = """\
  medcodec info scan.medc
  medcodec info --json *.medc | jq .bits_per_voxel"""

    files: list[str]
    as_json: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("files", nargs="+", metavar="FILE", help=".medc files; - for standard input")
        parser.add_argument(
            "--json", dest="as_json", action="store_true", help="write one JSON object per file"
        )

    def run(self) -> int:
        """Describe each file."""
        from medcodec.api import open_medc  # noqa: PLC0415 (slow to import)

        for name in self.files:
            with opened(name) as source, open_medc(source) as file:
                facts = {"file": name, **describe(file)}
            if self.as_json:
                self.console.result(json.dumps(facts, sort_keys=True))
            else:
                self.console.result(_for_people(facts))
        return DONE


def describe(file: MedcFile) -> dict[str, Any]:
    """Return the facts about a file as JSON values."""
    header = file.info
    grid = header.grid
    return {
        "affine": [[_number(value) for value in row] for row in header.affine.tolist()],
        "bits_per_voxel": 8 * file.file_bytes / max(1, file.size),
        "codec": {"name": header.codec.name, "settings": header.codec.settings, "model": header.codec.model},
        "coded_bytes": sum(file.coded_lengths),
        "dtype": header.dtype.str if header.dtype.names is None else str(header.dtype),
        "file_bytes": file.file_bytes,
        "frame_axes": header.layout.roles,
        "frame_shape": header.layout.frame_shape,
        "group_shape": [part.stop - part.start for part in grid.box(0)] if len(grid) else [0, 0, 0, 0],
        "groups": len(grid),
        "intercept": _number(header.intercept),
        "lossless": header.lossless,
        "sha256": file.sha256.hex(),
        "shape": header.shape,
        "slope": _number(header.slope),
        "source_blobs": header.blobs,
        "source_format": header.source_format,
        "voxel_bytes": header.voxel_bytes,
        "voxels": file.size,
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _for_people(facts: dict[str, Any]) -> str:
    codec = facts["codec"]
    settings = ", ".join(f"{key}={value}" for key, value in codec["settings"].items())
    shape, frames, group = (
        " x ".join(map(str, facts[key])) for key in ("shape", "frame_shape", "group_shape")
    )
    smaller = f"{ratio(facts['voxel_bytes'], facts['file_bytes'])} smaller than the voxels"
    rows = [
        (
            "volume",
            f"{shape} {facts['dtype']}, {human_bytes(facts['voxel_bytes'])}, from {facts['source_format']}",
        ),
        ("scaling", f"stored value x {facts['slope']} + {facts['intercept']}"),
        *(("affine" if n == 0 else "", _row(row)) for n, row in enumerate(facts["affine"][:3])),
        ("codec", f"{codec['name']} ({settings}), {_fidelity(facts)}"),
        ("frames", f"{frames} (sequences, frames, rows, columns), {facts['groups']} groups of {group}"),
        (
            "size",
            f"{human_bytes(facts['file_bytes'])}, {smaller}, {facts['bits_per_voxel']:.3f} bits per voxel",
        ),
        ("sha256", f"{facts['sha256']} (voxels)"),
    ]
    return "\n".join([facts["file"], *(f"  {name:<9}{text}" for name, text in rows)])


def _fidelity(facts: dict[str, Any]) -> str:
    if facts["lossless"]:
        return "lossless"
    bound = facts["codec"]["settings"].get("max_error")
    return f"no voxel off by more than {bound:g} stored units" if bound else "lossy"


def _row(values: list[Any]) -> str:
    return " ".join(f"{value:>11.6g}" if isinstance(value, float) else f"{value:>11}" for value in values)
