"""Everything before the first group: magic, version, the header and the source's verbatim bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from medcodec.container.header import Header
from medcodec.container.layout import MAGIC, PREFIX, SECTION_HEAD, VERSION, SectionHead, pack_section
from medcodec.errors import FormatError
from medcodec.volume.model import SourceRecord


def pack_front(header: Header, source: SourceRecord) -> bytes:
    """Return magic, version, header section and blob section."""
    return PREFIX + pack_section(header.to_json()) + pack_section(b"".join(source.blobs.values()))


@dataclass(frozen=True)
class Front:
    """The parsed front of a file; the blobs stay packed until they are asked for.

    Parameters
    ----------
    header
        The parsed header.
    blobs_head
        Head of the blob section.
    blobs_at
        Offset of the blob section's body.
    """

    header: Header
    blobs_head: SectionHead
    blobs_at: int

    @property
    def end(self) -> int:
        """Offset of the first group."""
        return self.blobs_at + self.blobs_head.stored_bytes

    def read_source(self, file: BinaryIO, *, place: str) -> SourceRecord:
        """Read and check the source's record.

        Raises
        ------
        FormatError, IntegrityError
            If the blobs are damaged.
        """
        place = f"{place}: source record"
        file.seek(self.blobs_at)
        data = self.blobs_head.unpack(file.read(self.blobs_head.stored_bytes), place=place)
        if sum(self.header.blobs.values()) != len(data):
            msg = f"{place}: its parts do not have the size that the header says"
            raise FormatError(msg)
        stream = io.BytesIO(data)
        blobs = {name: stream.read(size) for name, size in self.header.blobs.items()}
        return SourceRecord(self.header.source_format, dict(self.header.source_meta), blobs)


def read_front(file: BinaryIO, file_bytes: int, *, place: str) -> Front:
    """Read the front of a file, from its beginning.

    Raises
    ------
    FormatError, IntegrityError
        If it is not a .medc file, of another version, truncated or damaged.
    """
    file.seek(0)
    prefix = file.read(len(PREFIX))
    if prefix[: len(MAGIC)] != MAGIC:
        msg = f"{place}: this is not a .medc file (it begins with {prefix[:8]!r})"
        raise FormatError(msg)
    if prefix != PREFIX:
        found = prefix[len(MAGIC) :].hex() or "nothing"
        msg = f"{place}: format version {found} cannot be read, only {VERSION}; a newer medcodec may read it"
        raise FormatError(msg)
    head = SectionHead.parse(file.read(SECTION_HEAD.size), place=f"{place}: header")
    _check_fits(head, file.tell(), file_bytes, place=f"{place}: header")
    header = Header.from_json(
        head.unpack(file.read(head.stored_bytes), place=f"{place}: header"), place=place
    )
    blobs_head = SectionHead.parse(file.read(SECTION_HEAD.size), place=f"{place}: source record")
    _check_fits(blobs_head, file.tell(), file_bytes, place=f"{place}: source record")
    return Front(header, blobs_head, file.tell())


def _check_fits(head: SectionHead, offset: int, file_bytes: int, *, place: str) -> None:
    if offset + head.stored_bytes > file_bytes:
        msg = f"{place}: it claims {head.stored_bytes} bytes, more than the file has; the file was truncated"
        raise FormatError(msg)
