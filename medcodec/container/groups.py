"""How groups of a file are read, checked and decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.base import Codec
from medcodec.container.bytesource import ByteSource
from medcodec.container.checksums import crc32c, voxel_crc, voxel_crcs
from medcodec.container.header import Header
from medcodec.container.layout import RECORD_HEAD, RecordHead, max_voxel_bytes
from medcodec.container.proof import (
    decode_checked,
    decode_many_checked,
    decode_reduced_checked,
    place_many_checked,
)
from medcodec.container.records import Wanted, runs
from medcodec.errors import FormatError, IntegrityError, MedcodecError
from medcodec.volume.frames import Shape4, box_shape


def check_voxel_bytes(header: Header, file_bytes: int, *, place: str) -> None:
    """Refuse a header that claims more voxels than a file of that size may hold.

    Raises
    ------
    FormatError
        Before any memory is taken for voxels.
    """
    if header.voxel_bytes > max_voxel_bytes(file_bytes):
        msg = f"{place}: {header.voxel_bytes} bytes of voxels are too many for a file of {file_bytes}"
        raise FormatError(msg)


def allocate(shape: Shape4, dtype: np.dtype[Any], *, name: str) -> npt.NDArray[Any]:
    """Return an uninitialised array for the voxels of the file called ``name``.

    Raises
    ------
    MedcodecError
        If there is not enough memory.
    """
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        wanted = math.prod(shape) * dtype.itemsize
        msg = f"{name}: {wanted} bytes of memory are needed and cannot be had; read the volume in parts"
        raise MedcodecError(msg) from error


@dataclass(frozen=True)
class GroupReader:
    """Read and decode groups of an open file, from any thread."""

    file: ByteSource
    header: Header
    codec: Codec

    def read_coded(self, number: int, offset: int, length: int | None = None) -> tuple[RecordHead, bytes]:
        """Return the head and the coded bytes of the record at ``offset``, both checked.

        Parameters
        ----------
        number
            Which group it must be.
        offset
            Where its record begins.
        length
            Its coded bytes as the index has them, if that is known.

        Raises
        ------
        FormatError, IntegrityError
            If another record, a damaged one or none is there.
        """
        return self._read_coded(number, offset, length, place=self._place(number, offset))

    def _read_coded(
        self, number: int, offset: int, length: int | None, *, place: str
    ) -> tuple[RecordHead, bytes]:
        record = self.file.read(offset, RECORD_HEAD.size + (length or 0))
        head = RecordHead.parse(record[: RECORD_HEAD.size], place=place)
        if head.number != number or length not in {None, head.length}:
            msg = f"{place}: this is group {head.number} of {head.length} bytes; the index does not match"
            raise FormatError(msg)
        coded = record[RECORD_HEAD.size :]
        if length is None:
            coded = self.file.read(offset + RECORD_HEAD.size, head.length)
        if len(coded) != head.length or crc32c(coded) != head.coded_crc:
            msg = f"{place}: the checksum does not match; --salvage recovers the other groups"
            raise IntegrityError(msg)
        return head, coded

    def decode_some(self, wanted: Sequence[Wanted]) -> Iterator[npt.NDArray[Any]]:
        """Yield the voxels of groups, checked; small ones that lie side by side in the file are done at once.

        Raises
        ------
        FormatError, IntegrityError
            If a record or its coded bytes are damaged.
        """
        for run in runs(wanted):
            together = self._decode_run(run) if len(run) > 1 else None
            # One by one, errors name the group.
            yield from together or (self.decode(*group[:3], shape=group.shape) for group in run)

    def _decode_run(self, run: Sequence[Wanted]) -> list[npt.NDArray[Any]] | None:
        """Return the voxels of successive groups; None if anything is wrong with one of them."""
        data, ranges, expected = self._read_run(run)
        if expected is None:
            return None
        shapes, dtype = [group.shape for group in run], self.header.layout.frame_dtype
        try:
            boxes = decode_many_checked(self.codec, data, ranges, shapes, dtype)
        except MedcodecError:
            return None
        boxes = [np.ascontiguousarray(box) for box in boxes]
        return boxes if voxel_crcs(boxes) == expected else None

    def place_run(self, run: Sequence[Wanted], cuts: npt.NDArray[np.int64], frames: npt.NDArray[Any]) -> bool:
        """Copy parts of groups that lie near each other into ``frames``, checked; nothing else is kept.

        Parameters
        ----------
        run
            The groups, in the order of the file.
        cuts
            As `Codec.place_many` takes them.
        frames
            Where they go, in C order.

        Returns
        -------
        Whether that was done: not if anything is wrong with one of them, nor if the codec cannot do it.
        """
        data, ranges, expected = self._read_run(run)
        if expected is None:
            return False
        try:
            found = place_many_checked(self.codec, data, ranges, cuts, frames)
        except MedcodecError:
            return False
        return found == expected

    def _read_run(self, run: Sequence[Wanted]) -> tuple[bytes, list[tuple[int, int]], list[int] | None]:
        """Return the bytes of groups near each other, where their coded bytes are, and their voxels' CRCs.

        None in the place of the CRCs if a record or its coded bytes are damaged.
        """
        begin, end = run[0].offset, run[-1].offset + RECORD_HEAD.size + run[-1].length
        data = self.file.read(begin, end - begin)
        starts = [group.offset - begin for group in run]
        numbers, lengths = [group.number for group in run], [group.length for group in run]
        coded = [start + RECORD_HEAD.size for start in starts]
        ranges = [(start, start + length) for start, length in zip(coded, lengths, strict=True)]
        return data, ranges, _native.records_check(data, starts, numbers, lengths)

    def decode(
        self, number: int, offset: int, length: int | None = None, *, shape: Shape4 | None = None
    ) -> npt.NDArray[Any]:
        """Return the voxels of a group, shape ``(sequences, frames, height, width)``, checked.

        Parameters
        ----------
        number, offset, length
            As for `read_coded`.
        shape
            Of the group's box, if that is known.

        Raises
        ------
        FormatError, IntegrityError
            If its record or its coded bytes are damaged.
        """
        place, dtype = self._place(number, offset), self.header.layout.frame_dtype
        head, coded = self._read_coded(number, offset, length, place=place)
        shape = shape or box_shape(self.header.grid.box(number))
        with _Placed(place):
            box = decode_checked(self.codec, coded, shape, dtype)
        if voxel_crc(box) != head.voxel_crc:
            msg = f"{place}: the decoded voxels do not match their checksum; this machine or this version of "
            msg += f"codec {self.codec.name!r} decodes differently from the one that wrote the file"
            raise IntegrityError(msg)
        return np.ascontiguousarray(box)

    def decode_reduced(
        self, number: int, offset: int, length: int, *, scale: int, frames: range
    ) -> npt.NDArray[Any]:
        """Return frames of a group at a fraction of their size; its coded bytes were checked.

        See `Codec.decode_reduced`.

        Raises
        ------
        FormatError, IntegrityError
            If its record or its coded bytes are damaged.
        OptionError
            If the codec cannot do it.
        """
        _, coded = self.read_coded(number, offset, length)
        shape = box_shape(self.header.grid.box(number))
        with _Placed(self._place(number, offset)):
            return decode_reduced_checked(
                self.codec, coded, shape, self.header.layout.frame_dtype, scale=scale, frames=frames
            )

    def _place(self, number: int, offset: int) -> str:
        return f"{self.file.name}: group {number} at offset {offset}"


class _Placed:
    """Names the place in the errors of what is done within."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, MedcodecError):
            msg = f"{self._place}: {error}"
            raise type(error)(msg) from error
