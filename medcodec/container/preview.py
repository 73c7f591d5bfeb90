"""A small picture of a volume, to be shown before anything is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medcodec.container.reduced import MAX_SCALE, Reduction, roles_shape
from medcodec.container.regions import Region
from medcodec.errors import OptionError
from medcodec.volume.frames import split_components

if TYPE_CHECKING:
    from medcodec.container.reader import MedcFile

AnyArray = npt.NDArray[Any]
Picture = npt.NDArray[np.uint8]
_DARKEST, _BRIGHTEST = 0.5, 99.5  # percentiles that are shown as black and white


def preview(file: MedcFile, size: int) -> Picture:
    """Return the middle frame, small and in grey or colours; see `MedcFile.preview`.

    Raises
    ------
    OptionError
        If ``size`` is less than 1.
    FormatError, IntegrityError
        If the group of the frame is damaged.
    """
    if size < 1:
        msg = f"a preview has at least one pixel, not {size}"
        raise OptionError(msg)
    layout = file.info.layout
    plane = layout.height + layout.width
    ranges = tuple(
        range(length) if axis in plane else range(length // 2, length // 2 + 1)[: min(length, 1)]
        for axis, length in enumerate(file.shape)
    )
    longest = max((file.shape[axis] for axis in plane if axis < file.ndim), default=1)
    scale = 1
    while scale < MAX_SCALE and -(-longest // scale) > size:
        scale *= 2
    region = Region(layout, ranges)
    try:
        voxels = _smaller(file, region, Reduction(scale))
    except OptionError:
        steps = tuple(slice(part.start, part.stop, scale if len(part) > 1 else 1) for part in ranges)
        voxels = file[steps]
    rows = [axis for axis in layout.height if axis < file.ndim]
    columns = [axis for axis in layout.width if axis < file.ndim]
    rest = [axis for axis in range(file.ndim) if axis not in plane]
    turned = split_components(voxels).transpose((*rest, *rows, *columns, file.ndim))
    height, width = (int(np.prod([voxels.shape[axis] for axis in part])) for part in (rows, columns))
    step = max(1, -(-max(height, width) // size))
    return _shown(turned.reshape((height, width, -1))[::step, ::step], complex_=file.dtype.kind == "c")


def _smaller(file: MedcFile, region: Region, reduction: Reduction) -> AnyArray:
    """Return the part of the volume that a region of whole pictures covers, at a fraction of its size."""
    layout, grid = file.info.layout, file.info.grid
    factors = reduction.factors(layout)
    counts = [*(len(part) for part in region.ranges), layout.full_shape[-1]]
    full_shape = tuple(-(-count // factor) for count, factor in zip(counts, factors, strict=True))
    out = np.zeros(roles_shape(full_shape, layout.roles), layout.frame_dtype)
    sequences, frames = (region.role_indices(role) for role in (layout.sequences, layout.frames))
    for number, box in enumerate(grid.boxes()):
        rows = np.flatnonzero((sequences >= box[0].start) & (sequences < box[0].stop))
        if rows.size == 0 or frames.size == 0 or not box[1].start <= frames[0] < box[1].stop:
            continue
        frame = int(frames[0]) - box[1].start
        target = reduction.target(box)
        group = file.reduced_group(number, scale=reduction.scale, frames=range(frame, frame + 1))
        out[rows, 0, target[2], target[3]] = group[sequences[rows] - box[0].start, 0]
    return layout.from_frames(out, full_shape)


def _shown(values: AnyArray, *, complex_: bool) -> Picture:
    """Return values of shape (height, width, components) as grey or colours."""
    if values.dtype == np.uint8 and values.shape[2] > 1:
        return np.ascontiguousarray(values)
    levels = values.astype(np.float64)
    if complex_:
        levels = np.hypot(levels[..., 0], levels[..., 1])[..., np.newaxis]
    finite = levels[np.isfinite(levels)]
    if finite.size == 0:
        return np.zeros(values.shape[:2], np.uint8)
    low, high = np.percentile(finite, (_DARKEST, _BRIGHTEST))
    grey = (np.nan_to_num(levels, nan=low) - low) / max(high - low, np.finfo(np.float64).tiny)
    shown = np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return shown[..., 0] if shown.shape[2] == 1 else shown
