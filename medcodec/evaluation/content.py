"""An item's volumes: read, prepared as its protocol says, and put together again after decoding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import OptionError
from medcodec.evaluation.datasets import Item
from medcodec.volume import from_array, read
from medcodec.volume.frames import frame_axes, frame_layout
from medcodec.volume.model import Volume
from medcodec.volume.video import Video, parse_format, read_video

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Content:
    """What is coded.

    Parameters
    ----------
    parts
        Volumes by name: one scan, or the planes of a video.
    samples
        What rates are per: voxels of a scan, pixels of a video.
    axis
        Frame axis to code along: "auto" for scans, "k" for videos.
    video
        The video that the parts are the planes of.
    labels
        Of the scan's shape.
    """

    parts: dict[str, Volume]
    samples: int
    axis: str = "auto"
    video: Video | None = None
    labels: Array | None = None

    def to_video(self, decoded: dict[str, Volume]) -> Video:
        """Return the video of decoded planes."""
        if self.video is None:
            msg = "a scan is not a video"
            raise OptionError(msg)
        planes = tuple(decoded[name].voxels.transpose(2, 1, 0) for name in self.parts)
        return replace(self.video, planes=planes)


def load_item(item: Item, folder: Path) -> Content:
    """Return an item's content.

    Raises
    ------
    MedcodecError
        If it cannot be read, or does not fit the item's protocol.
    """
    return _load_video(item, folder) if item.is_video else _load_scan(item, folder)


def slices_of(original: Volume, *others: Volume) -> list[Array]:
    """Return the slices of volumes of one shape as frames, along the usual axis (time, or the last in space).

    Which axis is the width depends on the memory of the first volume, and is the same for all.
    """
    layout = frame_layout(original.voxels, frame_axes(original.voxels.shape)[0])
    return [layout.to_frames(volume.voxels) for volume in (original, *others)]


def to_bits(voxels: Array, bits: int) -> Array:
    """Return values mapped linearly from their own range to all values of ``bits`` bits, rounded."""
    low, high = float(voxels.min()), float(voxels.max())
    top = (1 << bits) - 1
    scale = top / (high - low) if high > low else 0.0
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.asarray(np.round((voxels.astype(np.float64) - low) * scale).astype(dtype))


def _load_video(item: Item, folder: Path) -> Content:
    raw_format = parse_format(item.yuv) if item.yuv else None
    video = read_video(folder / item.path, frames=item.frames, raw_format=raw_format)
    # Width fastest, as scans have it; frames follow the third axis.
    parts = {
        name: from_array(plane.transpose(2, 1, 0)) for name, plane in zip("YUV", video.planes, strict=False)
    }
    return Content(parts, video.planes[0].size, axis="k", video=video)


def _load_scan(item: Item, folder: Path) -> Content:
    volume = read(folder / item.path)
    labels = read(folder / item.labels).voxels if item.labels else None
    if labels is not None and labels.shape != volume.voxels.shape:
        msg = f"{item.labels}: labels of shape {labels.shape} do not fit {item.path} of {volume.voxels.shape}"
        raise OptionError(msg)
    if item.bits is None and item.z is None and item.frames is None:
        return Content({"scan": volume}, volume.voxels.size, labels=labels)
    voxels = volume.voxels if item.bits is None else to_bits(volume.voxels, item.bits)
    part = item.selection(voxels.shape)
    voxels = voxels[part]
    prepared = from_array(np.asarray(voxels), affine=volume.affine)
    axis = "k" if item.z is not None else "auto"
    return Content({"scan": prepared}, voxels.size, axis, labels=None if labels is None else labels[part])
