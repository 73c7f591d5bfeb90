"""One (item, codec, point): encode to a real file, decode that, compare; a row of numbers comes out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import medcodec
from medcodec.api import compress, load_volume, open_medc
from medcodec.codecs.base import Codec
from medcodec.errors import MedcodecError
from medcodec.evaluation.colour import rgb_psnr_db, yuv_psnr_db
from medcodec.evaluation.content import Content, load_item, slices_of
from medcodec.evaluation.datasets import Item
from medcodec.evaluation.metrics import measure
from medcodec.evaluation.previews import Preview, previews
from medcodec.evaluation.rates import slice_bits
from medcodec.evaluation.resources import Cost, measured
from medcodec.evaluation.specs import CodecSpec
from medcodec.evaluation.task import check_task, load_segmenter
from medcodec.volume.model import Volume

Row = dict[str, Any]


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


@dataclass(frozen=True)
class _Coded:
    decoded: dict[str, Volume]
    settings: dict[str, Any]
    file_bytes: int
    coded_bytes: int
    slice_bits: list[float]
    encode: list[Cost]
    decode: list[Cost]


def _run(job: Job, scratch: Path) -> tuple[Row, list[Preview]]:
    content = load_item(job.item, Path(job.folder))
    codec = job.codec.make(job.point)
    coded = _code(job, content, codec, scratch)
    row: Row = {
        "settings": coded.settings,
        "voxels": content.samples,
        "voxel_bytes": sum(part.voxels.nbytes for part in content.parts.values()),
        "file_bytes": coded.file_bytes,
        "coded_bytes": coded.coded_bytes,
        "rate_bpv": 8 * coded.file_bytes / content.samples,
        "rate_coded_bpv": 8 * coded.coded_bytes / content.samples,
        **_costs("encode", coded.encode),
        **_costs("decode", coded.decode),
        "slice_bits": coded.slice_bits,
        "identical": all(
            np.array_equal(part.voxels, coded.decoded[name].voxels, equal_nan=part.voxels.dtype.kind in "fc")
            for name, part in content.parts.items()
        ),
    }
    row |= _fidelity(job, content, coded.decoded)
    name = next(iter(content.parts))
    before, after = slices_of(content.parts[name]), slices_of(coded.decoded[name])
    return row, previews(before, after, count=job.options.slices)


def _code(job: Job, content: Content, codec: Codec, scratch: Path) -> _Coded:
    decoded: dict[str, Volume] = {}
    file_bytes, coded_bytes = 0, 0
    settings: dict[str, Any] = {}
    bits: list[list[float]] = []
    encode: list[Cost] = []
    decode: list[Cost] = []
    for name, part in content.parts.items():
        path = scratch / f"{name}.medc"

        def write(part: Volume = part, path: Path = path) -> Any:
            return compress(
                part,
                path,
                codec=codec,
                axis=content.axis,
                group_frames=job.item.group_frames,
                threads=job.options.threads,
                verify=False,
            )

        encode.append(measured(write)[1])
        decoded[name], cost = measured(lambda path=path: load_volume(path, threads=job.options.threads))  # type: ignore[misc]
        decode.append(cost)
        with open_medc(path) as file:
            file_bytes += file.file_bytes
            coded_bytes += sum(file.coded_lengths)
            bits.append(slice_bits(file))
            settings = dict(file.info.codec.settings)
    same = len({len(part) for part in bits}) == 1
    sums = [sum(values) for values in zip(*bits, strict=True)] if same else []
    return _Coded(decoded, settings, file_bytes, coded_bytes, sums, encode, decode)


def _costs(what: str, costs: list[Cost]) -> Row:
    peaks = [cost.peak_bytes for cost in costs]
    return {
        f"{what}_s": sum(cost.seconds for cost in costs),
        f"{what}_cpu_s": sum(cost.cpu_seconds for cost in costs),
        f"{what}_peak_bytes": None if None in peaks else max(peak or 0 for peak in peaks),
    }


def _fidelity(job: Job, content: Content, decoded: dict[str, Volume]) -> Row:
    extra = frozenset(job.options.metrics)
    name = next(iter(content.parts))
    before, after = slices_of(content.parts[name]), slices_of(decoded[name])
    if content.video is not None:
        top = str((1 << content.video.format.bits) - 1)
        found = dataclasses.asdict(measure(before, after, peak=top, metrics=extra))
        return {**found, **_video_psnr(content, decoded, found, top)}
    peak = job.options.peak or job.item.peak
    row = dataclasses.asdict(measure(before, after, peak=peak, metrics=extra))
    if "task" in extra and (content.labels is not None or job.options.segmenter):
        segmenter = load_segmenter(job.options.segmenter) if job.options.segmenter else None
        voxels = content.parts[name].voxels
        row["task"] = check_task(voxels, decoded[name].voxels, labels=content.labels, segmenter=segmenter)
    return row


def _video_psnr(content: Content, decoded: dict[str, Volume], luma: Row, top: str) -> Row:
    """Return the PSNR of a whole video: the mean of its frames' 6:1:1 PSNR, luma's, and that in RGB."""
    assert content.video is not None
    video = content.to_video(decoded)
    frames = yuv_psnr_db(content.video, video)
    worst = max(
        float(np.abs(np.subtract(a, b, dtype=np.float64)).max())
        for a, b in zip(content.video.planes, video.planes, strict=True)
    )
    return {
        "peak": f"yuv 6:1:1, {top}",
        "psnr_db": float(np.mean(frames)),
        "psnr_slice_db": float(np.mean(frames)),
        "slice_psnr_db": frames,
        "luma_psnr_db": luma["psnr_slice_db"],
        "rgb_psnr_db": float(np.mean(rgb_psnr_db(content.video, video))),
        "max_error": worst,
    }
