"""Bounded reading and compact writing of the small tables of value mappings."""

from __future__ import annotations

import lzma
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError

_DICTIONARY = 1 << 20


def _filters(dictionary: int) -> list[dict[str, int]]:
    return [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": 0, "lp": 0, "pb": 0}]


class ByteReader:
    """Read numbers from bytes in order; every read past the end is a `FormatError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        start = self.skip(count)
        return self._data[start : start + count]

    def skip(self, count: int) -> int:
        """Return the offset of the next ``count`` bytes, which are not copied."""
        start = self._position
        if not 0 <= count <= len(self._data) - start:
            msg = f"value mapping: {count} bytes wanted at offset {start} of {len(self._data)}"
            raise FormatError(msg)
        self._position += count
        return start

    def unsigned(self) -> int:
        """Return a little-endian base-128 number of at most 66 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128 and value < 1 << 66:
                return value
        msg = f"value mapping: number of more than 66 bits before offset {self._position}"
        raise FormatError(msg)

    def signed(self) -> int:
        """Return a zigzag number."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def reals(self, count: int, dtype: str) -> npt.NDArray[np.float64]:
        """Return ``count`` floats, stored in ``dtype``."""
        return np.frombuffer(self.take(np.dtype(dtype).itemsize * count), dtype).astype(np.float64)

    def packed(self, size: int) -> bytes:
        """Return the ``size`` bytes written by `packed_bytes`; memory is bounded by ``size``."""
        data = self.take(self.unsigned())
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(_DICTIONARY))
        try:
            unpacked = decoder.decompress(data, max_length=size) if size else b""
        except lzma.LZMAError as error:
            msg = f"value mapping: damaged table ({error})"
            raise FormatError(msg) from error
        if len(unpacked) != size:
            msg = f"value mapping: table of {len(unpacked)} bytes, expected {size}"
            raise FormatError(msg)
        return unpacked

    def words(self, count: int, width: int) -> npt.NDArray[np.uint64]:
        """Return the ``count`` numbers of ``width`` bytes written by `packed_words`."""
        planes = np.frombuffer(self.packed(count * width), np.uint8).reshape(width, count)
        padded = np.zeros((count, 8), np.uint8)
        padded[:, :width] = planes.T
        return padded.reshape(-1).view("<u8").astype(np.uint64)

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data) - self._position)

    def finish(self) -> None:
        """Check that nothing is left."""
        if self._position != len(self._data):
            msg = f"value mapping: {len(self._data) - self._position} bytes too many"
            raise FormatError(msg)


def unsigned_bytes(value: int) -> bytes:
    """Return a non-negative number below 2**66 in little-endian base 128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed_bytes(value: int) -> bytes:
    """Return a number of up to 65 bits, zigzag."""
    return unsigned_bytes(2 * value if value >= 0 else -2 * value - 1)


def packed_bytes(data: bytes) -> bytes:
    """Return compressed ``data`` with its compressed length; the reader must know its plain length."""
    # The packer takes and clears many times its dictionary, which need not be larger than the data.
    filters = _filters(min(_DICTIONARY, max(1 << 12, len(data))))
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters) if data else b""
    return unsigned_bytes(len(packed)) + packed


def packed_words(words: npt.NDArray[Any], width: int) -> bytes:
    """Return non-negative numbers below ``256**width`` as compressed byte planes."""
    planes = words.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T
    return packed_bytes(planes.tobytes())
