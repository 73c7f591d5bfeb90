"""The fixed parts of a .medc file as bytes: prefix, sections, group records. See docs/format.md."""

from __future__ import annotations

import lzma
import struct
import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

from medcodec.container.checksums import crc32c
from medcodec.container.dictionary import HEADER_DICTIONARY
from medcodec.errors import FormatError, IntegrityError, UnsupportedDataError

MAGIC = b"\x8fMEDC\r\n\x1a"
VERSION = 1
PREFIX = MAGIC + bytes([VERSION])
RECORD_MARK = b"\xd3GRP"

SECTION_HEAD = struct.Struct("<BIII")
RECORD_HEAD = struct.Struct("<4sIIIII")
U32_MAX = (1 << 32) - 1

STORED, DEFLATE, LZMA = range(3)
_LZMA_FILTERS: list[dict[str, Any]] = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]

# A section may grow by this factor and a constant when it is unpacked; deflate never exceeds 1032.
_SECTION_GROWTH, _SECTION_FREE = 2048, 1 << 16
# The decoded voxels of a file of n bytes may take at most 64 MiB + 16384 n bytes.
_VOXEL_GROWTH, _VOXEL_FREE = 1 << 14, 1 << 26


def max_voxel_bytes(file_bytes: int) -> int:
    """Return the most bytes that the decoded voxels of a file of that size may take."""
    return _VOXEL_FREE + _VOXEL_GROWTH * file_bytes


def needed_file_bytes(voxel_bytes: int) -> int:
    """Return the least size of a file whose decoded voxels take ``voxel_bytes``."""
    return max(0, -(-(voxel_bytes - _VOXEL_FREE) // _VOXEL_GROWTH))


def _deflate(data: bytes, dictionary: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packer.compress(data) + packer.flush()


def pack_section(data: bytes, dictionary: bytes = HEADER_DICTIONARY) -> bytes:
    """Return ``data`` as a section: packed by whatever makes it smallest, with its sizes and checksum."""
    if len(data) > U32_MAX:
        msg = f"the source record takes {len(data)} bytes beside its voxels; at most 4 GiB can be kept"
        raise UnsupportedDataError(msg)
    packed = {
        STORED: data,
        DEFLATE: _deflate(data, dictionary),
        LZMA: lzma.compress(data, format=lzma.FORMAT_RAW, filters=_LZMA_FILTERS),
    }
    allowed = [m for m in packed if len(data) <= _SECTION_GROWTH * len(packed[m]) + _SECTION_FREE]
    method = min(allowed, key=lambda m: (len(packed[m]), m))
    body = packed[method]
    return SECTION_HEAD.pack(method, len(body), len(data), _section_crc(method, len(data), body)) + body


def _section_crc(method: int, raw_bytes: int, body: bytes) -> int:
    return crc32c(struct.pack("<BII", method, len(body), raw_bytes) + body)


@dataclass(frozen=True)
class SectionHead:
    """What stands before a section's body."""

    method: int
    stored_bytes: int
    raw_bytes: int
    crc: int

    @classmethod
    def parse(cls, data: bytes, *, place: str) -> SectionHead:
        """Parse and bound a section's head; ``place`` names file and section in messages."""
        if len(data) < SECTION_HEAD.size:
            msg = f"{place}: the file ends within the head of this section; it was truncated"
            raise FormatError(msg)
        head = cls(*SECTION_HEAD.unpack(data))
        if head.method > LZMA or head.raw_bytes > _SECTION_GROWTH * head.stored_bytes + _SECTION_FREE:
            msg = f"{place}: the head of this section is not valid"
            raise FormatError(msg)
        return head

    def unpack(self, body: bytes, *, place: str, dictionary: bytes = HEADER_DICTIONARY) -> bytes:
        """Check and unpack a section's body; never takes more memory than the head says."""
        if len(body) != self.stored_bytes:
            msg = f"{place}: the file ends within this section; it was truncated"
            raise FormatError(msg)
        if _section_crc(self.method, self.raw_bytes, body) != self.crc:
            msg = f"{place}: the checksum does not match; the file is damaged (try --salvage)"
            raise IntegrityError(msg)
        try:
            data = self._inflate(body, dictionary)
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            msg = f"{place}: this section cannot be unpacked ({error})"
            raise FormatError(msg) from error
        if len(data) != self.raw_bytes:
            msg = f"{place}: this section does not have the size that its head says"
            raise FormatError(msg)
        return data

    def _inflate(self, body: bytes, dictionary: bytes) -> bytes:
        # One byte more than promised, to notice a section that is longer than it says.
        if self.method == DEFLATE:
            return zlib.decompressobj(-15, dictionary).decompress(body, self.raw_bytes + 1)
        if self.method == LZMA:
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA_FILTERS)
            return unpacker.decompress(body, self.raw_bytes + 1)
        return body


class RecordHead(NamedTuple):
    """What stands before a group's coded bytes.

    Parameters
    ----------
    number
        Of the group's box in the grid.
    length
        Coded bytes that follow.
    coded_crc, voxel_crc
        CRC32C of the coded bytes and of the decoded box.
    """

    number: int
    length: int
    coded_crc: int
    voxel_crc: int

    def pack(self) -> bytes:
        """Return the head as bytes, with its own checksum."""
        fields = (RECORD_MARK, self.number, self.length, self.coded_crc, self.voxel_crc)
        return RECORD_HEAD.pack(*fields, crc32c(struct.pack("<4sIIII", *fields)))

    @classmethod
    def parse(cls, data: bytes, *, place: str) -> RecordHead:
        """Parse and check a record's head; ``place`` names file and offset in messages."""
        if len(data) < RECORD_HEAD.size:
            msg = f"{place}: the file ends where a group should begin; it was truncated (try --salvage)"
            raise FormatError(msg)
        mark, number, length, coded, voxels, crc = RECORD_HEAD.unpack(data)
        if mark != RECORD_MARK or crc32c(data[:-4]) != crc:
            msg = f"{place}: no valid group begins here; the file is damaged (try --salvage)"
            raise IntegrityError(msg)
        return cls(number, length, coded, voxels)
