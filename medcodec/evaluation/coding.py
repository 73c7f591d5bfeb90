"""An item's content through a codec and back by way of real files, with what it took and what it lost."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medcodec.api import compress, load_volume, open_medc
from medcodec.codecs.base import Codec
from medcodec.evaluation.colour import rgb_psnr_db, yuv_psnr_db
from medcodec.evaluation.content import Content, slices_of
from medcodec.evaluation.metrics import measure
from medcodec.evaluation.rates import slice_bits
from medcodec.evaluation.resources import Cost, measured
from medcodec.volume.model import Volume


@dataclass(frozen=True)
class Coded:
    """What coding gave.

    Parameters
    ----------
    decoded
        The volumes by name, as in `Content.parts`.
    settings
        Of the codec, as the file has them.
    file_bytes, coded_bytes
        Of the whole files, and of their groups alone: without header, index and checksums.
    slice_bits
        See `medcodec.evaluation.rates.slice_bits`; summed over the parts where they have the same slices.
    encode, decode
        Costs, summed over the parts.
    """

    decoded: dict[str, Volume]
    settings: dict[str, Any]
    file_bytes: int
    coded_bytes: int
    slice_bits: list[float]
    encode: Cost
    decode: Cost


def code(content: Content, codec: Codec, scratch: Path, *, group_frames: int | None, threads: int) -> Coded:
    """Write each part to a ``.medc`` file in the folder ``scratch`` and decode that.

    Parameters
    ----------
    group_frames
        Frames in a group; by default the codec's choice.
    threads
        Of encoder and decoder.

    Raises
    ------
    MedcodecError
        If the codec cannot code the content.
    """
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
                group_frames=group_frames,
                threads=threads,
                verify=False,
            )

        encode.append(measured(write)[1])
        decoded[name], cost = measured(lambda path=path: load_volume(path, threads=threads))  # type: ignore[misc]
        decode.append(cost)
        with open_medc(path) as file:
            file_bytes += file.file_bytes
            coded_bytes += sum(file.coded_lengths)
            bits.append(slice_bits(file))
            settings = dict(file.info.codec.settings)
    same = len({len(part) for part in bits}) == 1
    sums = [sum(values) for values in zip(*bits, strict=True)] if same else []
    return Coded(decoded, settings, file_bytes, coded_bytes, sums, _sum(encode), _sum(decode))


def _sum(costs: list[Cost]) -> Cost:
    peaks = [cost.peak_bytes for cost in costs]
    return Cost(
        sum(cost.seconds for cost in costs),
        sum(cost.cpu_seconds for cost in costs),
        None if None in peaks else max(peak or 0 for peak in peaks),
    )


def fidelity(
    content: Content, decoded: dict[str, Volume], *, peak: str, metrics: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the fields of `medcodec.evaluation.metrics.Fidelity`, for videos with theirs of all planes.

    Parameters
    ----------
    peak
        Of scans; videos take that of their depth.
    metrics
        As for `medcodec.evaluation.metrics.measure`; of luma for videos.
    """
    name = next(iter(content.parts))
    before, after = slices_of(content.parts[name], decoded[name])
    if content.video is None:
        return dataclasses.asdict(measure(before, after, peak=peak, metrics=metrics))
    top = str((1 << content.video.format.bits) - 1)
    luma = dataclasses.asdict(measure(before, after, peak=top, metrics=metrics))
    return {**luma, **_video_psnr(content, decoded, luma, top)}


def _video_psnr(
    content: Content, decoded: dict[str, Volume], luma: dict[str, Any], top: str
) -> dict[str, Any]:
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
