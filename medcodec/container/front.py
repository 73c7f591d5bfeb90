"""Everything before the first group: magic, version, the header and the source's verbatim bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

from medcodec.container.bytesource import ByteSource
from medcodec.container.header import MAX_HEADER_BYTES, Header
from medcodec.container.layout import MAGIC, PREFIX, SECTION_HEAD, VERSION, SectionHead, pack_section
from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.model import SourceRecord


def pack_front(header: Header, source: SourceRecord) -> bytes:
    """Return magic, version, header section and blob section."""
    text = header.to_json()
    if len(text) > MAX_HEADER_BYTES:
        msg = f"the header would take {len(text)} bytes, more than {MAX_HEADER_BYTES}; split the scan"
        raise UnsupportedDataError(msg)
    return PREFIX + pack_section(text) + pack_section(b"".join(source.blobs.values()))


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

    def read_source(self, file: ByteSource) -> SourceRecord:
        """Read and check the source's record.

        Raises
        ------
        FormatError, IntegrityError
            If the blobs are damaged.
        """
        place = f"{file.name}: source record"
        data = self.blobs_head.unpack(file.read(self.blobs_at, self.blobs_head.stored_bytes), place=place)
        if sum(self.header.blobs.values()) != len(data):
            msg = f"{place}: its parts do not have the size that the header says"
            raise FormatError(msg)
        stream = io.BytesIO(data)
        blobs = {name: stream.read(size) for name, size in self.header.blobs.items()}
        return SourceRecord(self.header.source_format, dict(self.header.source_meta), blobs)


def read_front(file: ByteSource) -> Front:
    """Read the front of a file, from its beginning.

    Raises
    ------
    FormatError, IntegrityError
        If it is not a .medc file, of another version, truncated or damaged.
    """
    prefix = file.read(0, len(PREFIX))
    if prefix[: len(MAGIC)] != MAGIC:
        msg = f"{file.name}: this is not a .medc file (it begins with {prefix[:8]!r})"
        raise FormatError(msg)
    if prefix != PREFIX:
        found = prefix[len(MAGIC) :].hex() or "nothing"
        msg = f"{file.name}: format version {found} cannot be read, only {VERSION}; get a newer medcodec"
        raise FormatError(msg)
    place = f"{file.name}: header"
    head, header_at = _read_head(file, len(PREFIX), place=place)
    header = Header.from_json(
        head.unpack(file.read(header_at, head.stored_bytes), place=place), place=file.name
    )
    blobs_head, blobs_at = _read_head(
        file, header_at + head.stored_bytes, place=f"{file.name}: source record"
    )
    return Front(header, blobs_head, blobs_at)


def _read_head(file: ByteSource, offset: int, *, place: str) -> tuple[SectionHead, int]:
    head = SectionHead.parse(file.read(offset, SECTION_HEAD.size), place=place)
    body_at = offset + SECTION_HEAD.size
    if body_at + head.stored_bytes > file.size:
        msg = f"{place}: it claims {head.stored_bytes} bytes, more than the file has; the file was truncated"
        raise FormatError(msg)
    return head, body_at
