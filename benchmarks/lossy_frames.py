"""What the lossy benchmark codes of a file: up to 32 slices of a scan, or a video as its data set says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.volumes import AnyArray, Source, load_stack
from medcodec.evaluation.content import Content, load_item, to_bits
from medcodec.evaluation.datasets import Item, dataset_names, load_dataset
from medcodec.volume import from_array

NATIVE, EIGHT_BITS = "native", "8-bit"
PROTOCOLS = (EIGHT_BITS, NATIVE)
VIDEO_SUFFIXES = (".y4m", ".y4m.gz", ".yuv", ".yuv.gz", ".mkv")

INTRA_PERIOD = 32
SLICES = INTRA_PERIOD
# A series over time counts as one from so many time points on; fewer are phases or echoes.
_LEAST_TIMES = 8


def is_video(source: Source) -> bool:
    """Tell whether a file is a video rather than a scan."""
    return source.path.name.endswith(VIDEO_SUFFIXES)


def protocols_of(source: Source) -> tuple[str, ...]:
    """Return the protocols that differ for a file: data of 8 bits has no other native depth."""
    if is_video(source) or load_stack(source.path).dtype == np.uint8:
        return (EIGHT_BITS,)
    return PROTOCOLS


def kind_of(source: Source) -> str:
    """Return what kind of scan or video a file holds, by the descriptions of data sets; else "other"."""
    item = _described().get(source.path.name)
    return item.group if item else "other"


@lru_cache
def _described() -> dict[str, Item]:
    items = [item for name in dataset_names() for item in load_dataset(name).items]
    return {Path(item.path).name: item for item in items}


def load_content(source: Source, protocol: str) -> Content:
    """Return what is coded of a file.

    Raises
    ------
    MedcodecError, ValueError
        If it cannot be read.
    """
    if is_video(source):
        known = _described().get(source.path.name)
        item = Item(name=source.name, path=source.path.name, frames=known.frames if known else None)
        return load_item(item, source.path.parent)
    stack = load_stack(source.path)
    if protocol == EIGHT_BITS:
        stack = to_bits(stack, 8)
    frames = np.ascontiguousarray(middle(slices_to_code(stack), SLICES))
    return Content({"scan": from_array(frames.T)}, frames.size, axis="k")


def slices_to_code(stack: AnyArray) -> AnyArray:
    """Return one sequence of pictures, shape ``(frames, height, width)``, of a stack as `load_stack` has it.

    A series over time gives its middle slice over time, phases their first volume. Pictures lie across the
    axis that has by far the fewest samples (less than half of the most), else across the last of the file.
    """
    if stack.ndim == 4:
        if len(stack) >= _LEAST_TIMES:
            return stack[:, stack.shape[1] // 2]
        stack = stack[0]
    shortest = int(np.argmin(stack.shape))
    if 2 * stack.shape[shortest] >= max(stack.shape):
        shortest = 0
    return np.moveaxis(stack, shortest, 0)


def middle(frames: AnyArray, count: int) -> AnyArray:
    """Return the middle ``count`` frames, or all if there are fewer."""
    first = max(0, (len(frames) - count) // 2)
    return frames[first : first + count]
