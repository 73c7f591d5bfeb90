"""The gzip layer of a file: how to make the same compressed bytes again from what is inside."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from medcodec.volume.streams import GZIP_MAGIC, Buffer

_HEADER_BYTES, _TRAILER_BYTES = 10, 8
_EXTRA, _NAME, _COMMENT, _CHECKSUM = 4, 8, 16, 2
# Level 1 is what nibabel writes, 6 is zlib's default and 9 Python's; they come first.
_SETTINGS = [(level, memory) for memory in (8, 9) for level in (6, 1, 9, 5, 4, 3, 2, 7, 8)]
_PROBE_BYTES = 1 << 18


@dataclass(frozen=True)
class GzipLayer:
    """What makes a gzip file of its content, with zlib.

    Parameters
    ----------
    header
        The bytes before the compressed stream: time, name, system.
    level, memory
        Settings of zlib.
    """

    header: bytes
    level: int
    memory: int

    def pack(self, content: Buffer) -> bytes:
        """Return the gzip file; other builds of zlib may give other bytes of the same content."""
        packer = zlib.compressobj(self.level, zlib.DEFLATED, -zlib.MAX_WBITS, self.memory)
        trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
        return b"".join([self.header, packer.compress(content), packer.flush(), trailer])


def find_layer(packed: bytes, content: Buffer) -> GzipLayer | None:
    """Return the layer that makes ``packed`` of ``content``; None if no setting of zlib does.

    Parameters
    ----------
    packed
        A whole gzip file.
    content
        What is in it.
    """
    header = packed[: _header_end(packed)]
    for level, memory in _SETTINGS:
        layer = GzipLayer(header, level, memory)
        if _begins_like(layer, packed, content) and layer.pack(content) == packed:
            return layer
    return None


def _begins_like(layer: GzipLayer, packed: bytes, content: Buffer) -> bool:
    """Tell whether the first compressed bytes are the same; the others show it after little work."""
    packer = zlib.compressobj(layer.level, zlib.DEFLATED, -zlib.MAX_WBITS, layer.memory)
    made, position = b"", 0
    while not made and position < len(content):
        made = packer.compress(memoryview(content)[position : position + _PROBE_BYTES])
        position += _PROBE_BYTES
    start = len(layer.header)
    return packed[start : start + len(made)] == made


def _header_end(packed: bytes) -> int:
    if packed[:2] != GZIP_MAGIC or len(packed) < _HEADER_BYTES + _TRAILER_BYTES:
        return 0
    flags, end = packed[3], _HEADER_BYTES
    if flags & _EXTRA:
        end += 2 + int.from_bytes(packed[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = packed.find(b"\0", end) + 1 or len(packed)
    return end + 2 * bool(flags & _CHECKSUM)
