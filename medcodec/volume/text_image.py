"""What NRRD and MetaImage share: a text header, and voxels after it or in a file of their own."""

from __future__ import annotations

import bz2
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.formats import Format, RestoredFile, blob
from medcodec.volume.guard import guarded
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.paths import check_beside
from medcodec.volume.raw import RGB, RGBA, byteorder_of, put_voxels, take_voxels
from medcodec.volume.streams import Buffer, joined, read_payload

_COMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.compressobj(wbits=31),
    "zlib": lambda: zlib.compressobj(wbits=15),
    "bzip2": bz2.BZ2Compressor,
}
_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=47),
    "zlib": lambda: zlib.decompressobj(wbits=47),
    "bzip2": bz2.BZ2Decompressor,
}


@dataclass(frozen=True)
class TextHeader:
    """What a text header says.

    Parameters
    ----------
    shape, dtype
        As stored, first axis fastest.
    components_first
        The first axis holds colours or vector components.
    affine
        As in `Volume`.
    encoding
        "raw", "gzip", "zlib" or "bzip2".
    data_file
        Name of the file with the voxels, or None if they follow the header.
    skip_lines, skip_bytes
        What comes before the voxels: lines of the data file, then bytes after decompression; -1 bytes if the
        voxels are the last bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    components_first: bool
    affine: npt.NDArray[np.float64]
    encoding: str
    data_file: str | None
    skip_lines: int = 0
    skip_bytes: int = 0


class TextImage(Format):
    """A scan with a text header.

    Every byte comes back if the voxels are not compressed. If they are, the same header and voxels come
    back in the same encoding, compressed anew: the compressed bytes, and a size of them in the header, may
    differ.
    """

    packs = False

    @abstractmethod
    def header_end(self, data: Buffer, *, place: str) -> int:
        """Return the number of bytes of the header."""

    @abstractmethod
    def describe(self, header: bytes, *, place: str) -> TextHeader:
        """Return what the header says."""

    def adapt(self, header: bytes, packed_bytes: int) -> bytes:  # noqa: ARG002
        """Return the header for voxels that were compressed to another size."""
        return header

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Return the header's file and, if it names one, the file with the voxels."""
        data = read_payload(path)
        found = self._describe(data, str(path))[1].data_file
        return (path,) if found is None else (path, path.parent / found)

    def read(self, paths: Sequence[Path], *, root: Path) -> Volume:  # noqa: ARG002
        """Return the volume of a header with its voxels, here or in their own file."""
        path = paths[0]
        data = read_payload(path)
        header, facts = self._describe(data, str(path))
        if facts.data_file is None:
            return self._build(header, facts, data[len(header) :], str(path))
        data_path = path.parent / facts.data_file
        with guarded(str(data_path), "read the voxels"):
            stream = data_path.read_bytes()
        return self._build(header, facts, stream, str(data_path), rest=bytes(data[len(header) :]))

    def parse(self, data: Buffer, *, place: str) -> Volume:
        """Return the volume in the bytes of a file that holds header and voxels."""
        header, facts = self._describe(data, place)
        if facts.data_file is not None:
            msg = f"{place}: the voxels are in {facts.data_file}; name the header's file instead of piping it"
            raise UnsupportedDataError(msg)
        return self._build(header, facts, data[len(header) :], place)

    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the file, or the header and the file of its voxels."""
        source = volume.source
        header = blob(source, "header")
        voxels = put_voxels(_ungrouped(volume), byteorder=str(source.meta.get("byteorder")), order="F")
        payload: Iterable[bytes] = chain([blob(source, "head")], voxels, [blob(source, "tail")])
        encoding = str(source.meta.get("encoding"))
        if encoding in _COMPRESSORS:
            packed = joined(_compressed(payload, _COMPRESSORS[encoding]()))
            header, payload = self.adapt(header, len(packed)), [packed]
        stream = chain([blob(source, "skipped")], payload)
        data_file = source.meta.get("data_file")
        if data_file is None:
            yield name, chain([header], stream)
        else:
            yield name, [header, blob(source, "rest")]
            yield str(data_file), stream

    def _describe(self, data: Buffer, place: str) -> tuple[bytes, TextHeader]:
        with guarded(place, "read the header"):
            header = bytes(data[: self.header_end(data, place=place)])
            facts = self.describe(header, place=place)
        if facts.data_file is not None:
            check_beside(facts.data_file, place)
        return header, facts

    def _build(
        self, header: bytes, facts: TextHeader, stream: Buffer, place: str, *, rest: bytes = b""
    ) -> Volume:
        start = _after_lines(stream, facts.skip_lines)
        skipped, payload = bytes(stream[:start]), memoryview(stream)[start:]
        if facts.encoding in _DECOMPRESSORS:
            payload = memoryview(_decompressed(payload, _DECOMPRESSORS[facts.encoding](), place))
        size = int(np.prod(facts.shape, dtype=object)) * facts.dtype.itemsize
        offset = len(payload) - size if facts.skip_bytes == -1 else facts.skip_bytes
        voxels, end = take_voxels(
            payload, offset=offset, shape=facts.shape, dtype=facts.dtype, order="F", place=place
        )
        meta = {
            "byteorder": byteorder_of(facts.dtype),
            "encoding": facts.encoding,
            "data_file": facts.data_file,
            "components_first": facts.components_first,
        }
        blobs = {
            "header": header,
            "rest": rest,
            "skipped": skipped,
            "head": bytes(payload[:offset]),
            "tail": bytes(payload[end:]),
        }
        if facts.components_first:
            voxels = _grouped(voxels)
        return Volume(voxels, facts.affine, 1.0, 0.0, SourceRecord(self.name, meta, blobs))


def _grouped(voxels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return voxels whose first axis holds components with that axis last, or as RGB(A)."""
    if voxels.dtype == np.uint8 and voxels.shape[0] in (3, 4) and voxels.ndim > 2:
        colour = RGB if voxels.shape[0] == 3 else RGBA
        flat = voxels.reshape(-1, order="F").view(colour)
        return flat.reshape(voxels.shape[1:], order="F")
    return np.moveaxis(voxels, 0, -1)


def _ungrouped(volume: Volume) -> npt.NDArray[Any]:
    voxels = volume.voxels
    if not volume.source.meta.get("components_first"):
        return voxels
    return voxels if voxels.dtype.names else np.moveaxis(voxels, -1, 0)


def _after_lines(stream: Buffer, lines: int) -> int:
    position = 0
    whole = bytes(stream) if lines else b""
    for _ in range(lines):
        position = whole.find(b"\n", position) + 1
        if position == 0:
            return len(whole)
    return position


def _compressed(chunks: Iterable[bytes], compressor: Any) -> Iterator[bytes]:
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _decompressed(data: Buffer, decompressor: Any, place: str) -> bytes:
    with guarded(place, "decompress the voxels"):
        payload: bytes = decompressor.decompress(data)
    if not decompressor.eof:
        msg = f"{place}: the compressed voxels end early, after {len(payload)} bytes; get a complete copy"
        raise FormatError(msg)
    return payload
