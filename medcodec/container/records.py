"""Where the records of a file's groups are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from medcodec.container.bytesource import ByteSource
from medcodec.container.front import Front
from medcodec.container.layout import RECORD_HEAD, RECORD_MARK, RecordHead
from medcodec.container.trailer import Trailer
from medcodec.errors import FormatError, IntegrityError
from medcodec.volume.frames import Shape4

_SCAN_BYTES = 1 << 20
_RUN_VOXELS = 1 << 19


def group_offsets(front: Front, trailer: Trailer, trailer_at: int, *, place: str) -> list[int]:
    """Return the offset of each group's record.

    Raises
    ------
    FormatError
        If the groups do not fill exactly the space between front and trailer.
    """
    if len(trailer.lengths) != len(front.header.grid):
        msg = f"{place}: {len(front.header.grid)} groups are needed, but {len(trailer.lengths)} are listed"
        raise FormatError(msg)
    sizes = np.array([front.end, *trailer.lengths], np.int64)
    sizes[1:] += RECORD_HEAD.size
    offsets: list[int] = sizes.cumsum().tolist()
    end = offsets.pop()
    if end != trailer_at:
        msg = f"{place}: the groups end at offset {end}, but the index begins at {trailer_at} (try --salvage)"
        raise FormatError(msg)
    return offsets


class Wanted(NamedTuple):
    """A group to decode: its number, the offset of its record, its coded bytes, the shape of its box."""

    number: int
    offset: int
    length: int
    shape: Shape4


def runs(wanted: Sequence[Wanted], *, voxels: int = _RUN_VOXELS, gap: int = 0) -> Iterator[list[Wanted]]:
    """Yield groups that follow each other in the file together, as long as they are small.

    They have at most so many ``voxels``, unless it is one group, and at most ``gap`` bytes between two.
    """
    run: list[Wanted] = []
    end = total = 0
    for group in wanted:
        total += math.prod(group.shape)
        if run and (not 0 <= group.offset - end <= gap or total > voxels):
            yield run
            run, total = [], math.prod(group.shape)
        run.append(group)
        end = group.offset + RECORD_HEAD.size + group.length
    if run:
        yield run


def find_records(file: ByteSource, groups: int) -> Iterator[tuple[int, int]]:
    """Yield ``(number, offset)`` of every record whose head is whole, wherever it is: for salvage.

    Parameters
    ----------
    file
        The damaged file.
    groups
        How many groups there are; other numbers are ignored.
    """
    for offset in range(0, file.size, _SCAN_BYTES):
        chunk = file.read(offset, _SCAN_BYTES + RECORD_HEAD.size)
        at = chunk.find(RECORD_MARK)
        while 0 <= at < _SCAN_BYTES:
            try:
                head = RecordHead.parse(chunk[at : at + RECORD_HEAD.size], place="")
            except (FormatError, IntegrityError):
                at = chunk.find(RECORD_MARK, at + 1)
                continue
            if head.number < groups:
                yield head.number, offset + at
            at = chunk.find(RECORD_MARK, at + 1)
