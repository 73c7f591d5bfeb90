"""``medcodec evaluate``: codecs over a data set, into a folder of results."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from medcodec.cli.command import DONE, FAILED, Command, not_negative, positive

if TYPE_CHECKING:
    from medcodec.evaluation.datasets import Dataset

_METRICS = ("ssim", "ms_ssim", "task")


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Code every item of a data set with every codec at every point, decode, compare; stop and go on at will.

    Parameters
    ----------
    dataset
        Name of a described data set, a .toml file, or a file or folder of scans or videos.
    data
        Folder that holds the data set.
    codecs, points
        What to run, as users write it.
    out
        Folder for results.
    items
        Only items whose name has one of these texts in it.
    metrics
        What to compute besides PSNR and greatest error.
    peak, frames, group_frames, yuv
        Instead of the items' own.
    segmenter
        ``module:function`` for the task check.
    slices
        How many slices are kept as pictures.
    workers
        Processes on this machine.
    scheduler
        Address of a Dask scheduler.
    """

    name: ClassVar[str] = "evaluate"
    summary: ClassVar[str] = "measure codecs on scans or videos"
    examples: ClassVar[str] = """\
  medcodec evaluate scans/ --codecs adaptive --points 0,1,2,4 --out results
  medcodec evaluate acdc --data ~/ACDC --codecs adaptive,hevc:preset=slow --points adaptive=0,1,2 \\
      --points hevc:preset=slow=22,27,32,37 --out results
  medcodec report results --anchor hevc:preset=slow"""

    usual_threads: ClassVar[str] = "one per worker"

    dataset: str
    codecs: str
    out: Path
    data: Path | None = None
    points: list[str] | None = None
    items: list[str] | None = None
    metrics: str = "ssim"
    peak: str | None = None
    frames: int | None = None
    group_frames: int | None = None
    yuv: str | None = None
    segmenter: str | None = None
    slices: int = 3
    workers: int = 1
    scheduler: str | None = None

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument(
            "dataset", metavar="DATASET", help="name (medcodec datasets), .toml file, or folder of scans"
        )
        parser.add_argument("--data", type=Path, metavar="DIR", help="folder that holds a described data set")
        parser.add_argument(
            "--codecs", required=True, metavar="A,B", help="codecs: NAME[:OPTION=VALUE...], commas between"
        )
        parser.add_argument(
            "--points",
            action="append",
            metavar="P,Q",
            help="values of each codec's quality or error option; CODEC=P,Q for one codec; may be repeated",
        )
        parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for results")
        parser.add_argument(
            "--items", action="append", metavar="TEXT", help="only items with TEXT in their name"
        )
        parser.add_argument(
            "--metrics", default="ssim", metavar="M,N", help=f"of {', '.join(_METRICS)} (default: ssim)"
        )
        parser.add_argument("--peak", metavar="P", help="of PSNR: range, a number, or a window LOW..HIGH")
        parser.add_argument("--frames", type=positive, metavar="N", help="only the first N frames")
        parser.add_argument(
            "--group-frames", type=positive, metavar="N", help="frames of a group (intra period)"
        )
        parser.add_argument(
            "--yuv",
            metavar="FORMAT",
            help="of .yuv files whose names do not tell: WIDTHxHEIGHT[_BITSbit][_CHROMA], as 416x240_10bit",
        )
        parser.add_argument("--segmenter", metavar="MODULE:FUNCTION", help="for --metrics task")
        parser.add_argument(
            "--slices", type=not_negative, default=3, metavar="N", help="slices kept as pictures (default: 3)"
        )
        parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default: 1)")
        parser.add_argument("--scheduler", metavar="ADDRESS", help="run on a Dask cluster: tcp://host:8786")

    def run(self) -> int:
        """Run what has no result yet."""
        from medcodec.evaluation.job import Options  # noqa: PLC0415 (slow to import)
        from medcodec.evaluation.run import plan, run  # noqa: PLC0415
        from medcodec.evaluation.specs import parse_codec, parse_points, split_codecs  # noqa: PLC0415

        dataset, folder = self._dataset()
        specs = [parse_codec(text) for text in split_codecs(self.codecs)]
        points = parse_points(self.points or [], [spec.label for spec in specs])
        options = Options(
            metrics=self._metrics(),
            peak=self.peak,
            segmenter=self.segmenter,
            slices=self.slices,
            threads=self.threads or 1,
        )
        jobs = plan(dataset, folder, specs, points, options)
        with self.console.progress(f"{len(jobs)} results") as progress:
            done = run(
                jobs,
                self.out,
                workers=self.workers,
                scheduler=self.scheduler,
                progress=progress or self._tell,
            )
        for row in done.failed:
            self.console.error(f"{row['item']}, {row['codec']} at {row['point']}: {row['error']}")
        kept = f", {done.kept} of them from before" if done.kept else ""
        good = len(done.rows) - len(done.failed)
        how = f"; see them with: medcodec report {self.out}" if good else ""
        self.console.result(f"{good} of {len(done.rows)} results in {self.out}{kept}{how}")
        return FAILED if done.failed else DONE

    def _tell(self, done: int, total: int) -> None:
        self.console.detail(f"{done} of {total} results")

    def _metrics(self) -> tuple[str, ...]:
        from medcodec.errors import OptionError  # noqa: PLC0415

        chosen = tuple(name for name in self.metrics.split(",") if name)
        unknown = set(chosen) - set(_METRICS)
        if unknown:
            msg = f"metrics {sorted(unknown)} are not known; there are {', '.join(_METRICS)}"
            raise OptionError(msg)
        return tuple(sorted(chosen))

    def _dataset(self) -> tuple[Dataset, Path]:
        import dataclasses  # noqa: PLC0415

        from medcodec.errors import OptionError  # noqa: PLC0415
        from medcodec.evaluation.datasets import dataset_of_folder, load_dataset  # noqa: PLC0415

        path = Path(self.dataset)
        if path.exists() and path.suffix != ".toml":
            dataset, folder = dataset_of_folder(path), path if path.is_dir() else path.parent
        else:
            dataset, folder = load_dataset(self.dataset), self.data or path.parent
            if self.data is None and path.suffix != ".toml":
                msg = f"data set {self.dataset!r}: name the folder that holds it with --data"
                raise OptionError(msg)
        asked = {key: getattr(self, key) for key in ("frames", "group_frames", "yuv")}
        change: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
        wanted = self.items or [""]
        items = tuple(
            dataclasses.replace(item, **change)
            for item in dataset.items
            if any(text in item.name for text in wanted)
        )
        if not items:
            msg = f"data set {dataset.name!r}: no item has {' or '.join(wanted)} in its name"
            raise OptionError(msg)
        return dataclasses.replace(dataset, items=items), folder
