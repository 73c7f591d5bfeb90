"""``medcodec compress``: scans to .medc files."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from medcodec.cli.command import DONE, Command, not_negative, positive
from medcodec.cli.console import Console, human_bytes, ratio
from medcodec.cli.patterns import SUFFIX, expand
from medcodec.cli.settings import parse_options
from medcodec.cli.streams import spooled, to_stdout
from medcodec.errors import OptionError

if TYPE_CHECKING:
    from medcodec.api import Compressed

_PATCH_BOX = 32


@dataclass(frozen=True, kw_only=True)
class Compress(Command):
    """Compress scans: NIfTI, Analyze, NRRD, MetaImage, MGH, NumPy and DICOM, exactly unless asked otherwise.

    Parameters
    ----------
    inputs
        Files, folders or patterns; "-" for standard input. The last may be the .medc file to write.
    output
        The .medc file; a folder for several scans; "-" for standard output.
    codec, effort, max_error, psnr, bpv, ratio, quality, peak, axis, group, tile
        As in `medcodec.compress`.
    patches
        Groups of 32 voxels along each axis where nothing else is asked for.
    option
        Settings of the codec, each as ``NAME=VALUE``.
    no_verify
        Do not decode and compare.
    force
        Replace files that exist.
    workers
        Processes on this machine for several scans, in the place of threads.
    scheduler
        Address of a Dask scheduler, for several scans.
    bids, exact_gzip
        The input is a BIDS dataset; see `medcodec.integrations.bids`.
    """

    name: ClassVar[str] = "compress"
    summary: ClassVar[str] = "compress scans into .medc files"
    examples: ClassVar[str] = """\
  medcodec compress scan.nii.gz                      write scan.medc, lossless
  medcodec compress scan.nii.gz -o small.medc --effort max
  medcodec compress ct.nii.gz --max-error 2          no voxel off by more than 2 stored units
  medcodec compress ct.nii.gz --max-error 0.5HU      the same bound in scaled units
  medcodec compress ct.nii.gz --psnr 45              lossy, by the best codec that is installed
  medcodec compress ct.nii.gz --codec hevc --bpv 0.2 -O preset=slow
  medcodec compress dicom_series/ -o series.medc     one DICOM series
  medcodec compress study/ -o packed/                every scan of a folder; run again to go on
  medcodec compress archive/ -o packed/ --scheduler tcp://host:8786
                                                     the same on a Dask cluster
  medcodec compress study/ -o packed/ --effort fastest --patches
                                                     to train on random patches
  medcodec compress --bids dataset/ -o packed/       a BIDS dataset; everything but its images is copied
  medcodec compress "study/*.nii.gz" -o packed/      a pattern
  medcodec compress - -o - < scan.nii > scan.medc    in a pipe"""

    inputs: list[str]
    output: str | None = None
    codec: str = "auto"
    option: list[str] | None = None
    effort: str | None = None
    max_error: str | None = None
    psnr: float | None = None
    bpv: float | None = None
    ratio: float | None = None
    quality: float | None = None
    peak: float | None = None
    axis: str = "auto"
    group: int | None = None
    tile: int | None = None
    patches: bool = False
    no_verify: bool = False
    force: bool = False
    workers: int | None = None
    scheduler: str | None = None
    bids: bool = False
    exact_gzip: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        add = parser.add_argument
        add("inputs", nargs="+", metavar="INPUT", help="files, folders or patterns; - for standard input")
        add("-o", "--output", help="the .medc file; a folder for several scans; - for standard output")
        add(
            "--codec",
            default="auto",
            metavar="NAME",
            help="name of the codec (default: auto, which is adaptive unless a rate is asked for)",
        )
        add(
            "-O",
            "--option",
            action="append",
            metavar="NAME=VALUE",
            help="a setting of the codec; may be repeated",
        )
        add("-e", "--effort", metavar="LEVEL", help="fastest, fast, default or max for the adaptive codec")
        add(
            "--max-error",
            metavar="N",
            help="greatest error of a voxel: stored units (2), or with a unit (0.5HU)",
        )
        rate = parser.add_mutually_exclusive_group()
        rate.add_argument("--psnr", type=float, metavar="DB", help="lossy: this PSNR, from 0.05 dB below on")
        rate.add_argument(
            "--bpv", type=float, metavar="BITS", help="lossy: bits per voxel, or up to 1%% more"
        )
        rate.add_argument(
            "--ratio", type=float, metavar="X", help="lossy: this many times smaller, or up to 1%% less"
        )
        rate.add_argument(
            "--quality", type=float, metavar="Q", help="lossy: 0 to 100 on the codec's own scale"
        )
        add(
            "--peak",
            type=float,
            metavar="P",
            help="what the PSNR refers to (default: the range of the values)",
        )
        add(
            "--axis",
            default="auto",
            metavar="AXIS",
            help="axis that frames follow: i, j, k, t or auto (default)",
        )
        add(
            "--group",
            type=not_negative,
            metavar="N",
            help="frames in a group, 0 for all (default: the codec's choice)",
        )
        add("--tile", type=not_negative, metavar="N", help="height and width of a group, 0 for whole frames")
        add(
            "--patches",
            action="store_true",
            help=f"for random patches: --group {_PATCH_BOX} --tile {_PATCH_BOX}; with --effort fastest such "
            "groups are decoded several times as fast, and the file is a few per cent larger",
        )
        add(
            "--no-verify", action="store_true", help="do not decode and compare before the file gets its name"
        )
        add("-f", "--force", action="store_true", help="replace files that exist")
        add(
            "--workers",
            type=positive,
            metavar="N",
            help="several scans: in N processes of a thread each (default: in threads of this one)",
        )
        add("--scheduler", metavar="ADDRESS", help="several scans: on a Dask cluster: tcp://host:8786")
        add(
            "--bids",
            action="store_true",
            help="the input is a BIDS dataset: compress its images, copy all else",
        )
        add(
            "--exact-gzip",
            action="store_true",
            help="with --bids: copy .nii.gz files whose compressed bytes cannot be made again",
        )

    @property
    def console(self) -> Console:
        """Where to write; standard output may be taken by the data."""
        return Console(quiet=self.quiet, verbose=self.verbose, results_to_stderr=self.to_stdout)

    @property
    def to_stdout(self) -> bool:
        """Whether the data goes to standard output."""
        return self.output == "-" or (self.output is None and self.inputs == ["-"])

    @property
    def options(self) -> dict[str, Any]:
        """Options of `medcodec.compress`."""
        box = _PATCH_BOX if self.patches else None
        return {
            "codec": self.codec,
            "codec_options": parse_options(self.option or []),
            "effort": self.effort,
            "max_error": self.max_error,
            "psnr": self.psnr,
            "bpv": self.bpv,
            "ratio": self.ratio,
            "quality": self.quality,
            "peak": self.peak,
            "axis": self.axis,
            "group_frames": box if self.group is None else self.group,
            "tile": box if self.tile is None else self.tile,
            "threads": self.threads,
            "verify": not self.no_verify,
            "overwrite": self.force,
        }

    def run(self) -> int:
        """Compress one scan, or all that are named."""
        inputs, output = (self.inputs, self.output) if self.bids else self._split_inputs()
        one = not self.bids and self._is_one(inputs, output)
        if (self.bids or one) and (self.workers or self.scheduler):
            msg = "--workers and --scheduler are for several scans; leave them out here, or name a folder"
            raise OptionError(msg)
        if self.bids:
            return self._compress_dataset()
        if "-" in inputs and len(inputs) > 1:
            msg = "standard input takes one scan at a time"
            raise OptionError(msg)
        return self._compress_one(inputs[0], output) if one else self._compress_many(inputs, output)

    @staticmethod
    def _is_one(inputs: list[str], output: str | None) -> bool:
        if len(inputs) != 1:
            return False
        if inputs[0] == "-" or not Path(inputs[0]).is_dir():
            return not (output and _is_folder(output))
        return output is not None and output.endswith(SUFFIX) and not Path(output).is_dir()

    def _compress_dataset(self) -> int:
        from medcodec.cli.bids import tell, two_folders  # noqa: PLC0415 (slow to import)
        from medcodec.integrations.bids import compress_dataset  # noqa: PLC0415

        source, destination = two_folders(self.inputs, self.output)
        with self.console.progress(source) as progress:
            report = compress_dataset(
                source, destination, exact_gzip=self.exact_gzip, progress=progress, **self.options
            )
        return tell(report, f"{source} -> {destination}", self.console)

    def _split_inputs(self) -> tuple[list[str], str | None]:
        inputs = list(self.inputs)
        output = self.output
        if output is None and len(inputs) == 2 and inputs[1].endswith(SUFFIX):
            output = inputs.pop()
        return [name for pattern in inputs for name in expand(pattern)], output

    def _compress_one(self, name: str, output: str | None) -> int:
        from medcodec.api import compress  # noqa: PLC0415 (slow to import)
        from medcodec.volume import read_bytes  # noqa: PLC0415

        source: Any = name
        size = None
        if name == "-":
            data = sys.stdin.buffer.read()
            size, source = len(data), read_bytes(data)
        with self.console.progress(name) as progress:
            if not self.to_stdout:
                done = compress(source, output, progress=progress, **self.options)
            else:
                with spooled() as file:
                    done = compress(source, file, progress=progress, **self.options)
                    to_stdout(file)
        for note in done.notes:
            self.console.note(note)
        self.console.result(summary_line(name, done, done.source_bytes or size))
        return DONE

    def _compress_many(self, inputs: list[str], output: str | None) -> int:
        from medcodec.cli.batch import compress_all  # noqa: PLC0415 (slow to import)

        if self.to_stdout or (output is None and any(Path(name).is_dir() for name in inputs)):
            msg = "name a folder for the results of several scans: -o FOLDER"
            raise OptionError(msg)
        folder = None if output is None else Path(output)
        return compress_all(
            inputs,
            folder,
            options=self.options,
            console=self.console,
            workers=self.workers,
            scheduler=self.scheduler,
        )


def _is_folder(output: str) -> bool:
    return output != "-" and (output.endswith(("/", "\\")) or Path(output).is_dir())


def summary_line(name: str, done: Compressed, source_bytes: int | None) -> str:
    """Return the line that ends the compression of a scan: sizes and ratios."""
    where = done.destination or "standard output"
    kept = "lossy" if done.max_error is None else f"no voxel off by more than {done.max_error} stored units"
    kept = "lossless" if done.max_error == 0 else kept
    text = f"{name} -> {where}: {kept}, {human_bytes(done.voxel_bytes)} of voxels"
    text += f" to {human_bytes(done.file_bytes)}"
    text += f", {ratio(done.voxel_bytes, done.file_bytes)} smaller, {done.bits_per_voxel:.3f} bits per voxel"
    if source_bytes is not None:
        text += f"; {ratio(source_bytes, done.file_bytes)} against the input of {human_bytes(source_bytes)}"
    text += f" ({done.seconds:.1f} s)"
    return f"{text}; {done.reached}" if done.reached else text
