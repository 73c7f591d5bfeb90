"""One (item, codec, point): encode to a real file, decode that, compare; a row of numbers comes out."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import medcodec
from medcodec.container.proof import prove
from medcodec.errors import MedcodecError, MissingDependencyError
from medcodec.evaluation.coding import code, fidelity
from medcodec.evaluation.content import Content, load_item, slices_of
from medcodec.evaluation.datasets import Item
from medcodec.evaluation.previews import Preview, previews
from medcodec.evaluation.resources import Cost
from medcodec.evaluation.specs import CodecSpec
from medcodec.evaluation.task import check_task, load_segmenter
from medcodec.volume.frames import split_components
from medcodec.volume.model import Volume

Row = dict[str, Any]
_PACKAGES = {"ssim": ("skimage", "eval"), "ms_ssim": ("pytorch_msssim", "msssim")}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What all jobs of a run have in common.

    Parameters
    ----------
    metrics
        "ssim", "ms_ssim", "task".
    peak
        Instead of the items' own.
    segmenter
        ``module:function`` for the task check.
    slices
        How many slices are kept as pictures.
    threads
        Of each job.
    """

    metrics: tuple[str, ...] = ("ssim",)
    peak: str | None = None
    segmenter: str | None = None
    slices: int = 3
    threads: int = 1

    def require(self) -> None:
        """Raise `MedcodecError` unless what metrics, pictures and the segmenter need is installed."""
        needed = {f"metric {name}": _PACKAGES[name] for name in self.metrics if name in _PACKAGES}
        if self.slices:
            needed["pictures of slices"] = ("PIL", "eval")
        for purpose, (package, extra) in needed.items():
            if importlib.util.find_spec(package) is None:
                msg = f"{purpose} needs {package}; install medcodec[{extra}]"
                raise MissingDependencyError(msg)
        if self.segmenter:
            load_segmenter(self.segmenter)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One item coded by one codec at one point."""

    dataset: str
    folder: str
    item: Item
    codec: CodecSpec
    point: float | None
    options: Options

    @property
    def key(self) -> str:
        """A name that changes when anything that matters for the result does."""
        facts = dataclasses.asdict(self)
        for irrelevant in ("bytes", "sha256", "licence", "total_frames"):
            del facts["item"][irrelevant]
        del facts["options"]["threads"]
        path = Path(self.folder) / self.item.path
        facts["file"] = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None
        text = json.dumps(facts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Result:
    """What a job gives: a row, and pictures of some slices."""

    row: Row
    previews: list[Preview]


def run_job(job: Job) -> Result:
    """Run a job; a failure that has a known cause becomes a row with its text under "error"."""
    row: Row = {
        "dataset": job.dataset,
        "item": job.item.name,
        "group": job.item.group,
        "codec": job.codec.label,
        "point": job.point,
        "point_option": job.codec.point_option if job.point is not None else "",
        "version": medcodec.__version__,
    }
    try:
        with tempfile.TemporaryDirectory(prefix="medcodec-") as scratch:
            found, pictures = _run(job, Path(scratch))
    except MedcodecError as error:
        return Result({**row, "error": str(error)}, [])
    return Result({**row, **found, "error": ""}, pictures)


def _run(job: Job, scratch: Path) -> tuple[Row, list[Preview]]:
    content = load_item(job.item, Path(job.folder))
    codec = job.codec.make(job.point)
    coded = code(content, codec, scratch, group_frames=job.item.group_frames, threads=job.options.threads)
    for name, part in content.parts.items():
        prove(codec, split_components(part.voxels), split_components(coded.decoded[name].voxels))
    row: Row = {
        "settings": coded.settings,
        "voxels": content.samples,
        "voxel_bytes": sum(part.voxels.nbytes for part in content.parts.values()),
        "file_bytes": coded.file_bytes,
        "coded_bytes": coded.coded_bytes,
        "rate_bpv": 8 * coded.file_bytes / content.samples,
        "rate_coded_bpv": 8 * coded.coded_bytes / content.samples,
        **_flat("encode", coded.encode),
        **_flat("decode", coded.decode),
        "slice_bits": coded.slice_bits,
        "identical": all(
            np.array_equal(part.voxels, coded.decoded[name].voxels, equal_nan=part.voxels.dtype.kind in "fc")
            for name, part in content.parts.items()
        ),
    }
    row |= _quality(job, content, coded.decoded)
    name = next(iter(content.parts))
    before, after = slices_of(content.parts[name], coded.decoded[name])
    return row, previews(before, after, count=job.options.slices)


def _flat(what: str, cost: Cost) -> Row:
    return {
        f"{what}_s": cost.seconds,
        f"{what}_cpu_s": cost.cpu_seconds,
        f"{what}_peak_bytes": cost.peak_bytes,
    }


def _quality(job: Job, content: Content, decoded: dict[str, Volume]) -> Row:
    options = job.options
    peak, metrics = options.peak or job.item.peak, frozenset(options.metrics)
    row = fidelity(content, decoded, peak=peak, metrics=metrics)
    if "task" in metrics and content.video is None and (content.labels is not None or options.segmenter):
        segmenter = load_segmenter(options.segmenter) if options.segmenter else None
        name = next(iter(content.parts))
        voxels = content.parts[name].voxels
        row["task"] = check_task(voxels, decoded[name].voxels, labels=content.labels, segmenter=segmenter)
    return row
