"""Memory that one group of the adaptive codec takes, in times of its raw size, by effort.

The group is one from the middle of the volume, of the size that the effort prefers. Each figure is the most
memory that a fresh process held while it encoded or decoded it, beyond what was held before: its voxels are
counted when they are decoded, not when they are encoded. The process has coded the group once before, so that
what is loaded on first use is not counted. It takes Linux with glibc.

    python -m benchmarks.memory VOLUMES... --markdown memory.md
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.environment import preamble
from benchmarks.markdown import markdown_table
from benchmarks.volumes import find_sources, load_stack
from medcodec.codecs.adaptive import AdaptiveCodec
from medcodec.codecs.adaptive.codec import EFFORTS
from medcodec.codecs.base import FrameGroup
from medcodec.evaluation.resources import measured

AnyArray = npt.NDArray[Any]


def middle_group(stack: AnyArray, effort: str) -> AnyArray:
    """Return a box from the middle of a stack, shape ``(sequences, frames, height, width)``."""
    frames = stack.transpose(1, 0, 2, 3) if stack.ndim == 4 else stack[None]
    s, f, h, w = frames.shape
    box = AdaptiveCodec(effort=effort).preferred_box((s, f, h, w), stack.dtype)
    parts = (
        slice((size - most) // 2, (size + most) // 2) for size, most in zip(frames.shape, box, strict=True)
    )
    return np.ascontiguousarray(frames[tuple(parts)])


def cost(effort: str, voxels: AnyArray, coded: bytes | None) -> tuple[bytes, int]:
    """Encode a group, or decode it; return its coded bytes and the most bytes of memory that this took."""
    codec = AdaptiveCodec(effort=effort)
    shape, dtype = voxels.shape, voxels.dtype
    # What is loaded on first use is not the group's; a part of it would go other ways.
    codec.decode(codec.encode(FrameGroup(voxels)), shape, dtype)
    if coded is None:
        coded, taken = measured(lambda: codec.encode(FrameGroup(voxels)))
    else:
        known = coded
        del voxels
        _, taken = measured(lambda: codec.decode(known, shape, dtype))
    if taken.peak_bytes is None:
        msg = "the peak of memory cannot be measured here; it takes Linux with glibc"
        raise OSError(msg)
    return coded, taken.peak_bytes


def apart(effort: str, voxels: AnyArray, coded: bytes | None) -> tuple[bytes, int]:
    """Return what `cost` returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(cost, (effort, voxels, coded))


def rows(name: str, stack: AnyArray, efforts: list[str]) -> Iterator[list[str]]:
    """Yield the table's rows for one volume."""
    for effort in efforts:
        group = middle_group(stack, effort)
        coded, encoding = apart(effort, group, None)
        _, decoding = apart(effort, group, coded)
        shape = "x".join(map(str, group.shape))
        ratios = [f"{peak / group.nbytes:.2f}" for peak in (encoding, decoding)]
        yield [name, f"{shape} {group.dtype}", f"{group.nbytes / 1e6:.2f}", effort, str(coded[0]), *ratios]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("volumes", nargs="+", help="files, folders or globs")
    parser.add_argument("--efforts", nargs="+", choices=EFFORTS, default=list(EFFORTS))
    parser.add_argument("--markdown", type=Path, help="where the table goes; else to standard output")
    options = parser.parse_args()
    sources, lines = find_sources(options.volumes), []
    for source in sources:
        lines += rows(source.name.split(".")[0], load_stack(source.path), options.efforts)
    heads = ["volume", "group", "MB", "effort", "coder", "encoding", "decoding"]
    head = preamble("python -m benchmarks.memory", sys.argv[1:], volumes=len(sources))
    text = f"{head}\n\n{markdown_table(heads, lines)}\n"
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
