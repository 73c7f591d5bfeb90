"""The end of a .medc file: index of the groups, SHA-256 of the voxels, and a second copy of the header."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from medcodec.container.bytesource import ByteSource
from medcodec.container.checksums import crc32c
from medcodec.container.layout import U32_MAX, needed_file_bytes
from medcodec.errors import FormatError, IntegrityError

MARK = b"\xd3END"
END = b"\xd3EOF"
_HEAD = struct.Struct("<4sIII32s")
_TAIL = struct.Struct("<II4s")
_FIXED_BYTES = _HEAD.size + _TAIL.size


@dataclass(frozen=True)
class Trailer:
    """What stands behind the last group.

    Parameters
    ----------
    lengths
        Coded bytes of each group, in order.
    sha256
        Of the decoded volume (see `medcodec.container.checksums.voxel_sha256`).
    front
        A copy of everything before the first group, or nothing where that would cost too much.
    """

    lengths: Sequence[int]
    sha256: bytes
    front: bytes = b""

    def pack(self, *, bytes_before: int, voxel_bytes: int) -> bytes:
        """Return the trailer as bytes, padded where the file would be too small for its voxels."""
        index = array("I", self.lengths)
        size = _FIXED_BYTES + len(index) * 4 + len(self.front)
        padding = max(0, needed_file_bytes(voxel_bytes) - bytes_before - size)
        if size + padding > U32_MAX:
            msg = f"a volume of {voxel_bytes} bytes is too large for one .medc file"
            raise FormatError(msg)
        head = _HEAD.pack(MARK, len(index), len(self.front), padding, self.sha256)
        body = head + struct.pack(f"<{len(index)}I", *index) + self.front + bytes(padding)
        return body + _TAIL.pack(crc32c(body), size + padding, END)


def read_trailer(file: ByteSource) -> tuple[Trailer, int]:
    """Read the trailer from the end of a file.

    Returns
    -------
    trailer : Trailer
    offset : int
        Where it begins.

    Raises
    ------
    FormatError, IntegrityError
        If the file does not end in a valid trailer.
    """
    tail = file.read(max(0, file.size - _TAIL.size), _TAIL.size)
    if len(tail) < _TAIL.size or tail[-4:] != END:
        msg = f"{file.name}: the file does not end as it should; it was truncated (try --salvage)"
        raise FormatError(msg)
    crc, size, _ = _TAIL.unpack(tail)
    if not _FIXED_BYTES <= size <= file.size:
        msg = f"{file.name}: the end of the file claims {size} bytes of index; it is damaged (try --salvage)"
        raise FormatError(msg)
    body = file.read(file.size - size, size - _TAIL.size)
    if crc32c(body) != crc:
        msg = f"{file.name}: the index at the end is damaged (try --salvage)"
        raise IntegrityError(msg)
    mark, count, front_bytes, padding, sha256 = _HEAD.unpack_from(body)
    front_at = _HEAD.size + 4 * count
    padding_at = front_at + front_bytes
    if (
        mark != MARK
        or size != _FIXED_BYTES + 4 * count + front_bytes + padding
        or body.count(0, padding_at) != padding
    ):
        msg = f"{file.name}: the index at the end is not valid"
        raise FormatError(msg)
    lengths = struct.unpack_from(f"<{count}I", body, _HEAD.size)
    return Trailer(lengths, sha256, body[front_at:padding_at]), file.size - size
