"""A coded group as bytes: checksum, intensity mapping, streams, correction. See docs/standard-codecs.md."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.container.checksums import crc32c
from medcodec.errors import FormatError, IntegrityError

_CRC = struct.Struct("<I")
_VARINT_BYTES = 5


@dataclass(frozen=True)
class Payload:
    """The parts of a coded group.

    Parameters
    ----------
    head
        Bytes of fixed size that the codec knows.
    streams
        What the standard codec wrote, one or several streams.
    correction
        Packed differences, where the standard codec broke its promise; else empty.
    """

    head: bytes
    streams: list[bytes]
    correction: bytes = b""

    def pack(self) -> bytes:
        """Return the payload as bytes."""
        sizes = [len(self.streams), len(self.correction), *map(len, self.streams)]
        body = self.head + b"".join(map(_varint, sizes)) + self.correction + b"".join(self.streams)
        return _CRC.pack(crc32c(body)) + body

    @classmethod
    def parse(cls, data: bytes, *, head_bytes: int, most_streams: int) -> Payload:
        """Parse and check a payload.

        Raises
        ------
        FormatError, IntegrityError
            If it is malformed or damaged.
        """
        if len(data) < _CRC.size + head_bytes:
            msg = f"a coded group of {len(data)} bytes is too short"
            raise FormatError(msg)
        body = data[_CRC.size :]
        if crc32c(body) != _CRC.unpack_from(data)[0]:
            msg = "the coded group's own checksum does not match"
            raise IntegrityError(msg)
        count, at = parse_varint(body, head_bytes)
        if count > most_streams:
            msg = f"the coded group claims {count} streams; at most {most_streams} make sense"
            raise FormatError(msg)
        sizes = []
        for _ in range(count + 1):
            size, at = parse_varint(body, at)
            sizes.append(size)
        if at + sum(sizes) != len(body):
            msg = f"the parts of the coded group take {at + sum(sizes)} bytes of {len(body)}"
            raise FormatError(msg)
        parts = []
        for size in sizes:
            parts.append(body[at : at + size])
            at += size
        return cls(body[:head_bytes], parts[1:], parts[0])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the base-128 number (least first) that begins at byte ``at``, and where it ends.

    Raises
    ------
    FormatError
        If it breaks off or is too long.
    """
    value = 0
    for n in range(_VARINT_BYTES):
        if at + n >= len(data):
            break
        byte = data[at + n]
        value |= (byte & 127) << (7 * n)
        if byte < 128:
            return value, at + n + 1
    msg = f"the coded group breaks off, or has a malformed size, at byte {at}"
    raise FormatError(msg)


def make_correction(original: AnyArray, decoded: AnyArray) -> bytes:
    """Return what turns ``decoded`` into ``original``; nothing where they are equal. Integers only."""
    if np.array_equal(original, decoded):
        return b""
    unsigned = f"u{original.dtype.itemsize}"
    return zlib.compress((original.view(unsigned) - decoded.view(unsigned)).tobytes(), 9)


def apply_correction(decoded: AnyArray, correction: bytes) -> AnyArray:
    """Return ``decoded`` with a correction applied; raise `FormatError` if it does not fit."""
    if not correction:
        return decoded
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(correction, decoded.nbytes)
    except zlib.error as error:
        msg = f"the correction of the coded group cannot be unpacked ({error})"
        raise FormatError(msg) from error
    if len(raw) != decoded.nbytes or unpacker.unconsumed_tail or unpacker.unused_data:
        msg = "the correction of the coded group has the wrong size"
        raise FormatError(msg)
    unsigned: Any = f"u{decoded.dtype.itemsize}"
    moved = decoded.view(unsigned) + np.frombuffer(raw, unsigned).reshape(decoded.shape)
    return np.asarray(moved.view(decoded.dtype))
