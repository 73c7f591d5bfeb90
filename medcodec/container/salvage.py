"""Recovering what is whole in a damaged file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcodec.codecs.base import Codec
from medcodec.container.bytesource import ByteSource
from medcodec.container.checksums import voxel_sha256
from medcodec.container.front import Front, read_front
from medcodec.container.groups import GroupReader, allocate, check_voxel_bytes
from medcodec.container.header import CodecIdentity, Header
from medcodec.container.lossy import with_mark
from medcodec.container.parallel import ordered_map
from medcodec.container.records import find_records
from medcodec.container.trailer import Trailer, read_trailer
from medcodec.errors import MedcodecError, OptionError
from medcodec.volume.frames import AXIS_NAMES
from medcodec.volume.model import SourceRecord, Volume


@dataclass(frozen=True)
class LostGroup:
    """A group that could not be recovered.

    Parameters
    ----------
    number
        Of its box in the grid.
    reason
        What is wrong.
    """

    number: int
    reason: str


@dataclass(frozen=True)
class Salvaged:
    """What was recovered.

    Parameters
    ----------
    header
        The file's header, for `describe_box`.
    volume
        Lost boxes hold the fill value. Without the source's record (`source_lost`) its format is empty.
    lost
        The groups that are lost.
    source_lost
        Whether the verbatim header of the source is lost.
    notes
        Other damage that was found, in words.
    """

    header: Header
    volume: Volume
    lost: tuple[LostGroup, ...]
    source_lost: bool
    notes: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is lost."""
        return not self.lost and not self.source_lost


def salvage(
    file: ByteSource,
    *,
    resolve: Callable[[CodecIdentity], Codec],
    fill: float = 0,
    threads: int | None = None,
) -> Salvaged:
    """Return the volume with every group that is still whole.

    Groups are looked for by their marks, so that a damaged index or a missing end does not matter; where
    the header is damaged its second copy is used.

    Parameters
    ----------
    file
        The damaged file.
    resolve
        Makes the codec from its identity.
    fill
        Value of the voxels of lost groups.
    threads
        By default one per processor.

    Raises
    ------
    FormatError, IntegrityError
        If neither copy of the header is whole: then nothing can be recovered.
    OptionError
        If ``fill`` is not a value of the volume's dtype.
    """
    notes: list[str] = []
    trailer = _try_trailer(file, notes)
    front, source = _best_front(file, trailer, notes)
    header = front.header
    check_voxel_bytes(header, file.size, place=file.name)
    reader = GroupReader(file, header, resolve(header.codec))
    offsets: dict[int, list[int]] = {}
    for number, offset in find_records(file, len(header.grid)):
        offsets.setdefault(number, []).append(offset)
    frames = _filled(header, fill, file.name)

    def recover(number: int) -> LostGroup | None:
        reason = "its record was not found"
        for offset in offsets.get(number, []):
            try:
                frames[header.grid.box(number)] = reader.decode(number, offset)
            except MedcodecError as error:
                reason = str(error)
            else:
                return None
        return LostGroup(number, reason)

    numbers = range(len(header.grid))
    lost = tuple(loss for loss in ordered_map(recover, numbers, threads=threads) if loss)
    voxels = header.layout.from_frames(frames)
    if trailer and not lost and voxel_sha256(voxels) != trailer.sha256:
        notes.append("every group is whole, but the SHA-256 of the voxels does not match")
    kept = with_mark(source or SourceRecord(""), header, file.size)
    volume = Volume(voxels, header.affine, header.slope, header.intercept, kept)
    return Salvaged(header, volume, lost, source is None, tuple(notes))


def describe_box(header: Header, number: int) -> str:
    """Return a box in words: ``frames (k) 16..31, rows (j) 0..255``, its axes in parentheses."""
    words = ("sequences", "frames", "rows", "columns")
    names = AXIS_NAMES[: len(header.shape)] + "c"
    parts = []
    for word, role, part, size in zip(
        words, header.layout.roles, header.grid.box(number), header.layout.frame_shape, strict=True
    ):
        if size > 1:
            axes = "".join(names[axis] for axis in role if header.layout.full_shape[axis] > 1)
            parts.append(f"{word} ({axes}) {part.start}..{part.stop - 1}")
    return ", ".join(parts) or "the only voxel"


def _try_trailer(file: ByteSource, notes: list[str]) -> Trailer | None:
    try:
        return read_trailer(file)[0]
    except MedcodecError as error:
        notes.append(str(error))
        return None


def _best_front(
    file: ByteSource, trailer: Trailer | None, notes: list[str]
) -> tuple[Front, SourceRecord | None]:
    copies = [file]
    if trailer and trailer.front:
        copies.append(ByteSource(trailer.front, name=f"{file.name} (second header)"))
    fallback: Front | None = None
    failures: list[MedcodecError] = []
    for copy in copies:
        try:
            front = read_front(copy)
            fallback = fallback or front
            source = front.read_source(copy)
        except MedcodecError as error:
            failures.append(error)
        else:
            notes += [str(error) for error in failures]
            return front, source
    if fallback is None:
        raise failures[0]
    notes += [str(error) for error in failures]
    return fallback, None


def _filled(header: Header, fill: float, name: str) -> np.ndarray[Any, np.dtype[Any]]:
    dtype = header.layout.frame_dtype
    try:
        with np.errstate(invalid="ignore"):
            value = np.array(fill).astype(dtype)
    except (OverflowError, ValueError) as error:
        msg = f"fill value {fill} is not a {dtype} ({error})"
        raise OptionError(msg) from error
    if dtype.kind in "iu" and float(value) != float(fill):
        msg = f"fill value {fill} is not a {dtype}; give one that is"
        raise OptionError(msg)
    frames = allocate(header.layout.frame_shape, dtype, name=name)
    frames[...] = value
    return frames
