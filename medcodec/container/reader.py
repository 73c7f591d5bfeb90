"""The lazy reader: an open .medc file that looks like an array and decodes only what is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import Codec
from medcodec.container.bytesource import ByteSource
from medcodec.container.cache import GroupCache
from medcodec.container.front import Front, read_front
from medcodec.container.groups import GroupReader, allocate, check_voxel_bytes
from medcodec.container.header import CodecIdentity, Header
from medcodec.container.indexing import parse_index
from medcodec.container.nibabel_header import nibabel_header
from medcodec.container.parallel import default_threads
from medcodec.container.placing import RegionReader
from medcodec.container.preview import preview
from medcodec.container.records import group_offsets
from medcodec.container.reduced import Reduction, read_reduced
from medcodec.container.regions import Region
from medcodec.container.trailer import Trailer, read_trailer
from medcodec.errors import MedcodecError
from medcodec.volume.frames import box_shape
from medcodec.volume.model import SourceRecord

AnyArray = npt.NDArray[Any]
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
        self._file = ByteSource(path)
        self.name = self._file.name
        try:
            self._front, self._trailer, self._offsets = read_structure(self._file)
            codec = _named(self.name, resolve, self.info.codec)
        except BaseException:
            self.close()
            raise
        self._groups = GroupReader(self._file, self.info, codec)
        self._regions = RegionReader(self._groups, self._offsets, self._trailer.lengths, self._cache)

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
        self._regions.read(region, frames, threads=self.threads)
        return region.to_volume(frames)


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
