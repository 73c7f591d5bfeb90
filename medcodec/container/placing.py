"""Reading a region of a volume: boxes are decoded, over threads, to where they belong; some are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy.typing as npt

from medcodec.container.cache import GroupCache
from medcodec.container.groups import GroupReader
from medcodec.container.parallel import ordered_map
from medcodec.container.records import Wanted, runs
from medcodec.container.regions import Cells, Part, Region, select, select_cells
from medcodec.volume.frames import Shape4

AnyArray = npt.NDArray[Any]
_SHARES = 4
# Threads are started for what would take longer than this: starting them takes about a millisecond.
_SOON_SECONDS = 0.01
_SOME, _DOUBT = 8, 4
# Boxes with so little between them are read at once, with what they do not need.
_GAP_BYTES = 1 << 15
_RUN_VOXELS = 1 << 20
# Larger boxes are kept from the first read.
_SMALL_VOXELS = 1 << 16
Parts = list[Part] | Cells


class RegionReader:
    """Reads regions of an open file.

    Parameters
    ----------
    groups
        What decodes.
    offsets, lengths
        Of all groups: where their records begin, and how long their coded bytes are.
    cache
        Where decoded boxes are kept.
    """

    def __init__(
        self, groups: GroupReader, offsets: Sequence[int], lengths: Sequence[int], cache: GroupCache
    ) -> None:
        self._groups, self._offsets, self._lengths, self._cache = groups, offsets, lengths, cache
        self._grid = groups.header.grid
        self._unread = True

    def read(self, region: Region, frames: AnyArray, *, threads: int) -> None:
        """Write the voxels of a region to ``frames``, of its ``frame_shape``.

        Raises
        ------
        FormatError, IntegrityError
            If a group that it touches is damaged.
        """
        parts = self._parts(region)
        done, threads = self._place_first(frames, parts, threads)
        rest = parts[done:]
        # A few at a time: handing a small box to another thread takes about as long as decoding it.
        share = len(rest) if threads <= 1 else -(-len(rest) // (_SHARES * threads))
        shares = (rest[first : first + share] for first in range(0, len(rest), max(1, share)))
        for _ in ordered_map(partial(self._place, frames), shares, threads=threads):
            pass

    def _parts(self, region: Region) -> Parts:
        """Return what is wanted of each box: `Cells` where boxes are small and need not be kept.

        Whoever reads a file a second time may read on, so that from then on boxes are kept. Keeping those of
        the only read would take longer than reading.
        """
        first, self._unread = self._unread, False
        cells = select_cells(self._grid, region) if first else None
        if cells is not None and cells.voxels.max() <= _SMALL_VOXELS:
            return cells
        return list(select(self._grid, region))

    def _place_first(self, frames: AnyArray, parts: Parts, threads: int) -> tuple[int, int]:
        """Place the first parts; return how many, and how many of the threads the rest is worth.

        The first one takes longer than others, so that where it leaves doubts a few more are timed.
        """
        done = 0
        for share in (1, _SOME):
            some = parts[done : done + share]
            begun = time.perf_counter()
            self._place(frames, some)
            done += len(some)
            seconds = (time.perf_counter() - begun) * (len(parts) - done) / max(1, len(some))
            if not _SOON_SECONDS <= seconds < _DOUBT * _SOON_SECONDS:
                break
        return done, 1 if seconds < _SOON_SECONDS else min(threads, len(parts) - done)

    def _place(self, frames: AnyArray, parts: Parts) -> None:
        if isinstance(parts, Cells):
            self._place_cells(frames, parts)
        else:
            self._place_parts(frames, parts)

    def _place_cells(self, frames: AnyArray, cells: Cells) -> None:
        at = 0
        for run in runs(
            self._wanted(cells.numbers.tolist(), cells.shapes), voxels=_RUN_VOXELS, gap=_GAP_BYTES
        ):
            here, at = slice(at, at + len(run)), at + len(run)
            if not self._groups.place_run(run, cells.cuts[here], frames):
                self._place_parts(frames, cells[here].parts())

    def _place_parts(self, frames: AnyArray, parts: list[Part]) -> None:
        missing = []
        for part in parts:
            box = self._cache.get(part.number)
            if box is None:
                missing.append(part)
            else:
                frames[part.target] = box[part.local]
        wanted = self._wanted([part.number for part in missing], [part.shape for part in missing])
        for part, box in zip(missing, self._groups.decode_some(wanted), strict=True):
            frames[part.target] = box[part.local]
            if not part.whole:
                self._cache.put(part.number, box)

    def _wanted(self, numbers: list[int], shapes: Sequence[Shape4]) -> list[Wanted]:
        offsets, lengths = self._offsets, self._lengths
        return [
            Wanted(number, offsets[number], lengths[number], shape)
            for number, shape in zip(numbers, shapes, strict=True)
        ]
