"""The lazy reader: an open .medc file that looks like an array and decodes only what is asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import Codec
from medcodec.container.bytesource import ByteSource
from medcodec.container.cache import GroupCache
from medcodec.container.front import Front, read_front
from medcodec.container.groups import (
    GroupReader,
    Wanted,
    allocate,
    check_voxel_bytes,
    group_offsets,
    runs,
)
from medcodec.container.header import CodecIdentity, Header
from medcodec.container.indexing import parse_index
from medcodec.container.nibabel_header import nibabel_header
from medcodec.container.parallel import default_threads, ordered_map
from medcodec.container.preview import preview
from medcodec.container.reduced import Reduction, read_reduced
from medcodec.container.regions import Cells, Part, Region, select, select_cells
from medcodec.container.trailer import Trailer, read_trailer
from medcodec.errors import MedcodecError
from medcodec.volume.frames import Shape4, box_shape
from medcodec.volume.model import SourceRecord

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
Resolve = Callable[[CodecIdentity], Codec]


class MedcFile:
    """A .medc file as a lazy, read-only array of stored values.

    Indexing with numbers and slices decodes only the groups that are touched, over threads; the groups
    used last are kept. Any number of threads may read from one object.

    Parameters
    ----------
    path
        The file, or a seekable binary file that is open; that one is not closed here.
    resolve
        Makes the codec from its identity.
    threads
        By default one per processor.
    cache_bytes
        How many bytes of decoded groups are kept.

    Raises
    ------
    FormatError, IntegrityError
        If it is not a whole .medc file; damage within a group shows when that group is read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | BinaryIO,
        *,
        resolve: Resolve,
        threads: int | None = None,
        cache_bytes: int = 1 << 28,
    ) -> None:
        self._path = path
        self._resolve = resolve
        self._threads = threads
        self._cache_bytes = cache_bytes
        self._cache = GroupCache(cache_bytes)
        self._unread = True
        self._file = ByteSource(path)
        self.name = self._file.name
        try:
            self._front, self._trailer, self._offsets = read_structure(self._file)
            codec = _named(self.name, resolve, self.info.codec)
        except BaseException:
            self.close()
            raise
        self._groups = GroupReader(self._file, self.info, codec)

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self._file.size

    @property
    def info(self) -> Header:
        """The file's own header: layout, grid, codec and its settings."""
        return self._front.header

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the volume."""
        return self.info.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored values."""
        return self.info.dtype

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Voxel indices to RAS millimetres, shape ``(4, 4)``."""
        return np.array(self.info.affine)

    @property
    def slope(self) -> float:
        """Scaled value = stored value * slope + intercept."""
        return self.info.slope

    @property
    def intercept(self) -> float:
        """Scaled value = stored value * slope + intercept."""
        return self.info.intercept

    @property
    def header(self) -> Any:
        """A nibabel header: that of the source if it was a NIfTI file, one made for the volume otherwise."""
        return nibabel_header(self.info, self.read_source())

    @property
    def sha256(self) -> bytes:
        """SHA-256 of the voxels: first axis fastest, little-endian."""
        return self._trailer.sha256

    @property
    def coded_lengths(self) -> tuple[int, ...]:
        """Coded bytes of each group."""
        return tuple(self._trailer.lengths)

    def frame_bytes(self, number: int) -> list[int] | None:
        """Return the coded bytes of each frame of a group, where the codec tells; see `Codec.frame_bytes`."""
        _, coded = self._groups.read_coded(number, self._offsets[number], self.coded_lengths[number])
        return self._groups.codec.frame_bytes(coded, box_shape(self.info.grid.box(number)))

    def read_source(self) -> SourceRecord:
        """Return what is needed to write the source file again."""
        return self._front.read_source(self._file)

    def check_coded(self) -> None:
        """Check every group's coded bytes against its checksum, without decoding.

        Raises
        ------
        FormatError, IntegrityError
            At the first group that is damaged.
        """
        for number, offset in enumerate(self._offsets):
            self._groups.read_coded(number, offset, self._trailer.lengths[number])

    def __getitem__(self, key: Any) -> Any:
        selection = parse_index(key, self.shape)
        steps = [slice(None, None, -1 if part.step < 0 else 1) for part in selection.ranges]
        rising = tuple(part[::-1] if part.step < 0 else part for part in selection.ranges)
        voxels = self._read(rising)[tuple(steps)]
        final = voxels[tuple(0 if axis in selection.dropped else slice(None) for axis in range(self.ndim))]
        return final[()] if final.ndim == 0 else final

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        if copy is False:
            msg = f"{self.name}: a coded volume cannot become an array without a copy"
            raise ValueError(msg)
        voxels: AnyArray = self[...] if self.ndim else np.asarray(self[()])
        return voxels if dtype is None else voxels.astype(dtype, copy=False)

    def scaled(self, key: Any = ...) -> npt.NDArray[np.float64]:
        """Return ``self[key] * slope + intercept`` as float64."""
        return np.asarray(np.asarray(self[key], np.float64) * self.slope + self.intercept)

    def reduced(self, *, scale: int = 1, every: int = 1) -> AnyArray:
        """Return the volume smaller than it is, by decoding only what that needs.

        Parameters
        ----------
        scale
            A power of two, at most 64: height and width of the frames are divided by it, rounded up.
        every
            Keep every so many-th frame; these are exactly those of the whole volume.

        Raises
        ------
        OptionError
            If the codec cannot do it.
        FormatError, IntegrityError
            If a group is damaged.
        """
        return read_reduced(self, Reduction(scale, every))

    def reduced_affine(self, *, scale: int = 1, every: int = 1) -> npt.NDArray[np.float64]:
        """Return the affine, shape ``(4, 4)``, of what `reduced` returns: both begin with the same voxel."""
        return Reduction(scale, every).affine(self.info.layout, self.affine)

    def preview(self, size: int = 128) -> npt.NDArray[np.uint8]:
        """Return the middle frame as a picture of at most ``size`` by ``size`` pixels, 0 to 255.

        The codec makes it smaller where it can; else the frame is decoded and pixels are left out.

        Returns
        -------
        uint8 of shape ``(height, width)``, or ``(height, width, components)`` for RGB(A).
        """
        return preview(self, size)

    def reduced_group(self, number: int, *, scale: int, frames: range) -> AnyArray:
        """Return frames of a group at a fraction of their size; see `Codec.decode_reduced`."""
        offset, length = self._offsets[number], self.coded_lengths[number]
        return self._groups.decode_reduced(number, offset, length, scale=scale, frames=frames)

    def __reduce__(self) -> tuple[Any, ...]:
        # For worker processes: the file is opened again there.
        return _reopen, (self._path, self._resolve, self._threads, self._cache_bytes)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<MedcFile {self.name!r} {self.dtype} {self.shape}>"

    def __enter__(self) -> MedcFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be read after that."""
        self._file.close()
        self._cache.clear()

    @property
    def threads(self) -> int:
        """How many threads decode."""
        return self._threads or default_threads()

    def _read(self, ranges: tuple[range, ...]) -> AnyArray:
        region = Region(self.info.layout, ranges)
        frames = allocate(region.frame_shape, self.info.layout.frame_dtype, name=self.name)
        parts = self._parts(region)
        done, threads = self._place_first(frames, parts)
        rest = parts[done:]
        # A few at a time: handing a small box to another thread takes about as long as decoding it.
        share = len(rest) if threads <= 1 else -(-len(rest) // (_SHARES * threads))
        shares = (rest[first : first + share] for first in range(0, len(rest), max(1, share)))
        for _ in ordered_map(partial(self._place, frames), shares, threads=threads):
            pass
        return region.to_volume(frames)

    def _parts(self, region: Region) -> Parts:
        """Return what is wanted of each box: `Cells` where boxes are small and need not be kept.

        Whoever reads a file a second time may read on, so that from then on boxes are kept. Keeping those of
        the only read would take longer than reading.
        """
        first, self._unread = self._unread, False
        cells = select_cells(self.info.grid, region) if first else None
        if cells is not None and cells.voxels.max() <= _SMALL_VOXELS:
            return cells
        return list(select(self.info.grid, region))

    def _place_first(self, frames: AnyArray, parts: Parts) -> tuple[int, int]:
        """Place the first parts; return how many, and how many threads the rest is worth.

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
        return done, 1 if seconds < _SOON_SECONDS else min(self.threads, len(parts) - done)

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
        offsets, lengths = self._offsets, self._trailer.lengths
        return [
            Wanted(number, offsets[number], lengths[number], shape)
            for number, shape in zip(numbers, shapes, strict=True)
        ]


def read_structure(file: ByteSource) -> tuple[Front, Trailer, list[int]]:
    """Read everything of a file but its groups, and check that it fits together.

    Returns
    -------
    front : Front
    trailer : Trailer
    offsets : list of int
        Where each group's record begins.

    Raises
    ------
    FormatError, IntegrityError
        If it does not.
    """
    front = read_front(file)
    check_voxel_bytes(front.header, file.size, place=file.name)
    trailer, trailer_at = read_trailer(file)
    return front, trailer, group_offsets(front, trailer, trailer_at, place=file.name)


def _reopen(path: Any, resolve: Resolve, threads: int | None, cache_bytes: int) -> MedcFile:
    return MedcFile(path, resolve=resolve, threads=threads, cache_bytes=cache_bytes)


def _named(name: str, resolve: Resolve, identity: CodecIdentity) -> Codec:
    try:
        return resolve(identity)
    except MedcodecError as error:
        msg = f"{name}: {error}"
        raise type(error)(msg) from error
