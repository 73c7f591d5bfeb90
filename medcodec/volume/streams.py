"""Whole files as bytes: gzip and zstd are told by their magic when reading, by the name when writing."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from medcodec.errors import FormatError, MissingDependencyError
from medcodec.volume.guard import guarded

Buffer = bytes | bytearray | memoryview
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
COMPRESSED_SUFFIXES = (".gz", ".zst")
_PIECE_BYTES = 1 << 20
_GZIP_LEVEL = 6


def read_payload(path: Path) -> Buffer:
    """Return the file's bytes, decompressed if they are gzip or zstd.

    Raises
    ------
    MedcodecError
        If the file cannot be read.
    FormatError
        If the compressed stream is damaged or ends early.
    MissingDependencyError
        If it is zstd and `zstandard` is not installed.
    """
    with guarded(str(path), "read the file"):
        data = path.read_bytes()
    return decompress(data, place=str(path))


def read_head(path: Path, size: int) -> bytes:
    """Return up to ``size`` first bytes of `read_payload`'s result; damage gives fewer, never an error."""
    with guarded(str(path), "read the file"), path.open("rb") as file:
        raw = file.read(max(size, 1 << 16))
    return head_of(raw, size)


def head_of(data: Buffer, size: int) -> bytes:
    """Return up to ``size`` first bytes of what ``data`` decompresses to (``data`` itself if it is plain)."""
    if _magic(data) is None:
        return bytes(data[:size])
    try:
        return bytes(_decompressor(_magic(data)).decompress(data[: 1 << 16])[:size])
    except Exception:  # reading the whole file will tell what is wrong with it
        return b""


def decompress(data: Buffer, *, place: str) -> Buffer:
    """Return ``data``, decompressed if it starts with the magic of gzip or zstd.

    Several members or frames in a row are joined; what follows the last one is ignored, as gzip does.
    """
    magic = _magic(data)
    if magic is None:
        return data
    with guarded(place, "decompress it"):
        return _decompress_members(data, magic, place)


def _decompress_members(data: Buffer, magic: bytes, place: str) -> bytearray:
    view, position, out = memoryview(data), 0, bytearray()
    while view[position : position + len(magic)] == magic:
        member = _decompressor(magic)
        while not member.eof and position < len(view):
            piece = view[position : position + _PIECE_BYTES]
            out += member.decompress(piece)
            position += len(piece)
        if not member.eof:
            msg = f"{place}: the compressed stream ends early, after {len(out)} bytes; get a complete copy"
            raise FormatError(msg)
        position -= len(member.unused_data)
    return out


def _magic(data: Buffer) -> bytes | None:
    return next((magic for magic in (GZIP_MAGIC, ZSTD_MAGIC) if data[: len(magic)] == magic), None)


def _decompressor(magic: bytes | None) -> Any:
    if magic == GZIP_MAGIC:
        return zlib.decompressobj(wbits=31)
    return _zstandard().ZstdDecompressor().decompressobj()


def _zstandard() -> Any:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError as error:
        msg = "zstd files need the package zstandard: pip install 'medcodec[zstd]'"
        raise MissingDependencyError(msg) from error
    return zstandard


@contextmanager
def compressing(file: IO[bytes], packing: str) -> Iterator[IO[bytes]]:
    """Yield a file that compresses into ``file``: ``packing`` is ".gz", ".zst" or empty for a plain one."""
    if packing == ".gz":
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
            yield packed  # type: ignore[misc]
    elif packing == ".zst":
        with _zstandard().ZstdCompressor().stream_writer(file, closefd=False) as packed:
            yield packed
    else:
        yield file


def packing_of(name: str) -> str:
    """Return how a file of that name is compressed: ".gz", ".zst" or empty."""
    suffix = Path(name).suffix.lower().replace(".mgz", ".gz")
    return suffix if suffix in COMPRESSED_SUFFIXES else ""


def plain_name(name: str) -> str:
    """Return ``name`` without a compression suffix."""
    return str(Path(name).with_suffix("")) if name.lower().endswith(COMPRESSED_SUFFIXES) else name


def joined(chunks: Iterable[Buffer]) -> bytes:
    """Return all chunks as one bytes object."""
    return b"".join(chunks)
