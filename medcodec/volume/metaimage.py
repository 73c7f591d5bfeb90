"""MetaImage, with the voxels attached (``.mha``) or in a file of their own (``.mhd``)."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.formats import formats
from medcodec.volume.geometry import affine_from_axes
from medcodec.volume.streams import Buffer
from medcodec.volume.text_image import TextHeader, TextImage

_CODES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LAST_LINE = re.compile(rb"(?mi)^\s*ElementDataFile\s*=[^\n]*(?:\n|\Z)")
_PACKED_SIZE = re.compile(rb"(?mi)^(\s*CompressedDataSize\s*=\s*)\d+")


class MetaImage(TextImage):
    """MetaImage files, plain or zlib-compressed."""

    name = "metaimage"
    suffixes = (".mha", ".mhd")

    def claims(self, name: str, head: bytes) -> bool:
        """Tell MetaImage by its name, or a pipe's content by its usual first line."""
        return name.endswith(self.suffixes) or (not name and head.startswith((b"ObjectType", b"NDims")))

    def header_end(self, data: Buffer, *, place: str) -> int:
        """Return the offset after the line that says where the voxels are."""
        found = _LAST_LINE.search(data[: 1 << 20])
        if found is None:
            msg = f"{place}: no line 'ElementDataFile = ...', so no MetaImage header; it may be damaged"
            raise FormatError(msg)
        return found.end()

    def describe(self, header: bytes, *, place: str) -> TextHeader:
        """Return what the header says."""
        fields = _fields(header.decode("latin-1"), place)
        channels = int(fields.get("elementnumberofchannels", 1))
        data_file = fields["elementdatafile"]
        _check(fields, data_file, place)
        big = _flag(fields, "binarydatabyteordermsb") or _flag(fields, "elementbyteordermsb")
        code = _CODES[fields["elementtype"].upper().removesuffix("_ARRAY")]
        sizes = tuple(int(size) for size in fields["dimsize"].split())
        if len(sizes) != int(fields["ndims"]):
            msg = f"{place}: NDims is {fields['ndims']}, but DimSize has {len(sizes)} numbers"
            raise FormatError(msg)
        return TextHeader(
            shape=(channels, *sizes) if channels > 1 else sizes,
            dtype=np.dtype((">" if big else "<") + code),
            components_first=channels > 1 and len(sizes) < 5,
            affine=_affine(fields, len(sizes)),
            encoding="zlib" if _flag(fields, "compresseddata") else "raw",
            data_file=None if data_file.upper() == "LOCAL" else data_file,
            skip_bytes=int(fields.get("headersize", 0)),
        )

    def adapt(self, header: bytes, packed_bytes: int) -> bytes:
        """Return the header with the new size of the compressed voxels."""
        return _PACKED_SIZE.sub(lambda found: found[1] + str(packed_bytes).encode(), header)


def _fields(text: str, place: str) -> dict[str, str]:
    lines = [line.partition("=") for line in text.splitlines()]
    found = {key.strip().lower(): value.strip() for key, separator, value in lines if separator}
    missing = {"ndims", "dimsize", "elementtype"} - found.keys()
    if missing:
        msg = f"{place}: the header lacks {', '.join(sorted(missing))}; it is damaged"
        raise FormatError(msg)
    return found


def _check(fields: dict[str, str], data_file: str, place: str) -> None:
    problem = None
    if fields["elementtype"].upper().removesuffix("_ARRAY") not in _CODES:
        problem = f"voxels of type {fields['elementtype']}"
    elif "binarydata" in fields and not _flag(fields, "binarydata"):
        problem = "voxels as text"
    elif data_file.upper().startswith("LIST") or "%" in data_file:
        problem = "voxels in several files"
    if problem:
        msg = f"{place}: {problem} cannot be read; let SimpleITK read it and write it as one binary file"
        raise UnsupportedDataError(msg)


def _flag(fields: dict[str, str], name: str) -> bool:
    return fields.get(name, "").lower()[:1] in ("t", "1", "y")


def _numbers(fields: dict[str, str], names: tuple[str, ...]) -> list[float]:
    text = next((fields[name] for name in names if name in fields), "")
    return [float(value) for value in text.split()]


def _affine(fields: dict[str, str], axes: int) -> npt.NDArray[np.float64]:
    directions = _numbers(fields, ("transformmatrix", "rotation", "orientation"))
    spacing = _numbers(fields, ("elementspacing", "elementsize")) or [1.0] * axes
    origin = _numbers(fields, ("offset", "position", "origin")) or [0.0] * axes
    matrix = np.array(directions).reshape(axes, axes) if len(directions) == axes * axes else np.eye(axes)
    steps = matrix * np.array(spacing)[:, None]
    return affine_from_axes(steps.tolist(), origin)


formats.register(MetaImage.name)(MetaImage())
