"""What a file format of scans must be able to do, and the registry of those that exist."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from medcodec.errors import FormatError, MedcodecError, UnsupportedDataError
from medcodec.registry import Registry
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.streams import COMPRESSED_SUFFIXES, Buffer, head_of, plain_name, read_head, read_payload

HEAD_BYTES = 1024
RestoredFile = tuple[str, Iterable[bytes]]


@dataclass(frozen=True)
class Group:
    """The files of one scan and a name for it, without suffix, "/" between folders."""

    name: str
    paths: tuple[Path, ...]


class Format(ABC):
    """Read one kind of file into a `Volume` and restore the file from it.

    Attributes
    ----------
    name
        Name in `SourceRecord.format`.
    suffixes
        Endings of file names, lower case, without a compression suffix.
    packs
        Its files may be compressed as a whole, with a suffix such as ``.gz``.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    packs: ClassVar[bool] = True

    @abstractmethod
    def claims(self, name: str, head: bytes) -> bool:
        """Tell whether a file is of this format.

        Parameters
        ----------
        name
            File name in lower case, without a compression suffix.
        head
            First bytes, decompressed, up to `HEAD_BYTES`.
        """

    @abstractmethod
    def parse(self, data: Buffer, *, place: str) -> Volume:
        """Return the volume in the (decompressed) bytes of one file called ``place``."""

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Return all files of the scan that ``path`` belongs to, the one to name it after first."""
        return (path,)

    def group(self, files: Sequence[Path], *, root: Path) -> tuple[list[Group], list[str]]:
        """Return the scans that files of this format make up, and a line on each file that is in none.

        ``root`` is the folder that was searched.
        """
        groups: dict[tuple[Path, ...], Group] = {}
        rejected: list[str] = []
        for path in files:
            try:
                paths = self.companions(path)
            except MedcodecError as error:
                rejected.append(str(error))
                continue
            name = paths[0].relative_to(root).with_name(stem(paths[0].name)).as_posix()
            groups.setdefault(paths, Group(name, paths))
        return list(groups.values()), rejected

    def read(self, paths: Sequence[Path], *, root: Path) -> Volume:  # noqa: ARG002
        """Return the volume in the files of one scan; ``root`` is what file names are kept relative to."""
        return self.parse(read_payload(paths[0]), place=str(paths[0]))

    @abstractmethod
    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the uncompressed files of the scan as (name, chunks).

        Parameters
        ----------
        name
            Wanted name of the file, without a compression suffix.
        """

    def is_folder(self, volume: Volume) -> bool:  # noqa: ARG002
        """Tell whether restoring gives a folder of files that keep their names."""
        return False


formats: Registry[Format] = Registry("volume format", entry_point_group="medcodec.formats")


@cache
def known_formats() -> tuple[Format, ...]:
    """Return all formats; found once, since looking through entry points takes milliseconds."""
    return tuple(formats.get(name) for name in formats.names())


def format_of_file(path: Path) -> Format:
    """Return the format of an existing file.

    Raises
    ------
    FormatError
        If no format claims it; the text lists the formats that exist.
    """
    return _find_format(str(path), path.name, read_head(path, HEAD_BYTES), path.stat().st_size)


def format_of_bytes(data: Buffer, place: str) -> Format:
    """Return the format of a file's bytes (compressed or not) that came without a name."""
    return _find_format(place, "", head_of(data, HEAD_BYTES), len(data))


def format_of_volume(volume: Volume) -> Format:
    """Return the format of the files that a volume was read from."""
    return formats.get(volume.source.format)


@cache
def suffixes() -> tuple[str, ...]:
    """Return the endings of the files that can be read, longest first, compressed variants included."""
    plain = {suffix for known in known_formats() for suffix in known.suffixes}
    packed = {suffix + ending for suffix in plain for ending in COMPRESSED_SUFFIXES}
    return tuple(sorted(plain | packed, key=lambda suffix: (-len(suffix), suffix)))


def stem(name: str) -> str:
    """Return a file name without the ending of its format and compression."""
    ending = next((suffix for suffix in suffixes() if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)] or name


def blob(source: SourceRecord, name: str) -> bytes:
    """Return a blob of the source record.

    Raises
    ------
    FormatError
        If it is missing.
    """
    if name not in source.blobs:
        msg = f"the record of the {source.format} source has no {name!r}; the compressed file is damaged"
        raise FormatError(msg)
    return source.blobs[name]


def _find_format(place: str, name: str, head: bytes, size: int) -> Format:
    if size == 0:
        msg = f"{place}: the file is empty; get a complete copy"
        raise FormatError(msg)
    named: list[Format] = []  # their parsers tell best what is wrong with a file that lost its magic
    for candidate in known_formats():
        if candidate.claims(plain_name(name.lower()), head):
            return candidate
        if name and plain_name(name.lower()).endswith(candidate.suffixes):
            named.append(candidate)
    if named:
        return named[0]
    names = ", ".join(known.name for known in known_formats())
    msg = f"{place}: not a format that can be read ({names}); convert it to NIfTI, for example with nibabel"
    raise UnsupportedDataError(msg)
