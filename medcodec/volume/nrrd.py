"""NRRD, with the voxels attached (``.nrrd``) or in a file of their own (``.nhdr``)."""

from __future__ import annotations

import re
import sys

import numpy as np

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.formats import formats
from medcodec.volume.geometry import LAS_TO_RAS, LPS_TO_RAS, RAS, affine_from_axes
from medcodec.volume.streams import Buffer
from medcodec.volume.text_image import TextHeader, TextImage

_TYPES = {
    "i1": "signed char,int8,int8_t",
    "u1": "uchar,unsigned char,uint8,uint8_t",
    "i2": "short,short int,signed short,signed short int,int16,int16_t",
    "u2": "ushort,unsigned short,unsigned short int,uint16,uint16_t",
    "i4": "int,signed int,int32,int32_t",
    "u4": "uint,unsigned int,uint32,uint32_t",
    "i8": "longlong,long long,long long int,signed long long,signed long long int,int64,int64_t",
    "u8": "ulonglong,unsigned long long,unsigned long long int,uint64,uint64_t",
    "f4": "float",
    "f8": "double",
}
_CODES = {word: code for code, words in _TYPES.items() for word in words.split(",")}
_ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SIGNS = {
    "right-anterior-superior": RAS,
    "ras": RAS,
    "left-anterior-superior": LAS_TO_RAS,
    "las": LAS_TO_RAS,
}


class NRRD(TextImage):
    """NRRD encoded as raw, gzip or bzip2; spaces other than RAS and LAS count as LPS, as in ITK."""

    name = "nrrd"
    suffixes = (".nrrd", ".nhdr")

    def claims(self, name: str, head: bytes) -> bool:  # noqa: ARG002
        """Tell NRRD by its magic number."""
        return head.startswith(b"NRRD0")

    def header_end(self, data: Buffer, *, place: str) -> int:
        """Return the offset after the empty line; a header without one ends with its file."""
        if bytes(data[:5]) != b"NRRD0":
            msg = f"{place}: no NRRD header; it may be damaged"
            raise FormatError(msg)
        found = re.search(rb"\r?\n\r?\n", data)
        return found.end() if found else len(data)

    def describe(self, header: bytes, *, place: str) -> TextHeader:
        """Return what the header says."""
        fields = _fields(header.decode("latin-1"))
        code = _CODES.get(_need(fields, "type", place).lower())
        encoding = _ENCODINGS.get(_need(fields, "encoding", place).lower())
        data_file = fields.get("datafile")
        shape = tuple(int(size) for size in _need(fields, "sizes", place).split())
        _check(fields, code=code, encoding=encoding, data_file=data_file, place=place)
        if len(shape) != int(_need(fields, "dimension", place)):
            msg = f"{place}: dimension is {fields['dimension']}, but there are {len(shape)} sizes"
            raise FormatError(msg)
        big = fields.get("endian", sys.byteorder).lower() == "big"
        axes = _axes(fields, len(shape))
        return TextHeader(
            shape=shape,
            dtype=np.dtype((">" if big else "<") + str(code)),
            components_first=1 < len(shape) <= 5 and axes[0] is None,
            affine=_affine(fields, [axis for axis in axes if axis is not None]),
            encoding=str(encoding),
            data_file=data_file,
            skip_lines=int(fields.get("lineskip", 0)),
            skip_bytes=int(fields.get("byteskip", 0)),
        )


def _fields(text: str) -> dict[str, str]:
    """Return the fields of the header; names lose their spaces, since both spellings exist."""
    found: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        key, separator, value = line.partition(":")
        if separator and not line.startswith("#") and not value.startswith("="):
            found[key.strip().lower().replace(" ", "")] = value.strip()
    return found


def _need(fields: dict[str, str], name: str, place: str) -> str:
    if name not in fields:
        msg = f"{place}: the header has no field {name!r}; it is damaged"
        raise FormatError(msg)
    return fields[name]


def _check(
    fields: dict[str, str], *, code: str | None, encoding: str | None, data_file: str | None, place: str
) -> None:
    problem = None
    if code is None:
        problem = f"voxels of type {fields['type']}"
    elif encoding is None:
        problem = f"voxels in the encoding {fields['encoding']}"
    elif data_file is not None and (data_file.startswith("LIST") or "%" in data_file):
        problem = "voxels in several files"
    if problem:
        msg = f"{place}: {problem} cannot be read; let SimpleITK read it and write it as one binary file"
        raise UnsupportedDataError(msg)


def _axes(fields: dict[str, str], count: int) -> list[list[float] | None]:
    """Return the step of each axis, None for axes outside space (colours, components, lists)."""
    if "spacedirections" in fields:
        steps = re.findall(r"none|\([^)]*\)", fields["spacedirections"].lower())
        return [None if step == "none" else _vector(step) for step in steps] + [None] * (count - len(steps))
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * count
    spacings = [float(value) for value in fields.get("spacings", "").split()] or [1.0] * count
    axes: list[list[float] | None] = []
    for kind, spacing in zip(kinds, spacings, strict=True):
        spatial = kind in ("domain", "space", "time", "???", "none")
        position = sum(axis is not None for axis in axes)
        step = 1.0 if np.isnan(spacing) else spacing
        axes.append([step * (axis == position) for axis in range(3)] if spatial else None)
    return axes


def _affine(fields: dict[str, str], axes: list[list[float]]) -> np.ndarray:
    signs = _SIGNS.get(fields.get("space", "").lower(), LPS_TO_RAS)
    origin = _vector(fields["spaceorigin"]) if "spaceorigin" in fields else [0.0, 0.0, 0.0]
    return affine_from_axes(axes, origin, signs=signs)


def _vector(text: str) -> list[float]:
    return [float(value) for value in text.strip("() ").split(",")]


formats.register(NRRD.name)(NRRD())
