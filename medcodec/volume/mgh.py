"""FreeSurfer's MGH and MGZ: restored byte for byte before compression."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcodec.errors import FormatError
from medcodec.volume.formats import formats
from medcodec.volume.guard import guarded
from medcodec.volume.raw_file import Layout, RawFile
from medcodec.volume.streams import Buffer

_VERSION_BYTES = b"\x00\x00\x00\x01"
_HEADER_BYTES = 284
_TYPES = {0: ">u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}


class MGH(RawFile):
    """``.mgh`` and ``.mgz`` (the same, gzip); the footer with its tags is kept verbatim."""

    name = "mgh"
    suffixes = (".mgh", ".mgz")

    def claims(self, name: str, head: bytes) -> bool:
        """Tell an MGH file by its name and version, since it has no magic number."""
        named = name.endswith(self.suffixes) or not name
        return named and len(head) >= _HEADER_BYTES and head.startswith(_VERSION_BYTES)

    def locate(self, data: Buffer, *, place: str) -> Layout:
        """Return where the header puts the voxels."""
        if len(data) < _HEADER_BYTES or data[:4] != _VERSION_BYTES:
            msg = f"{place}: no MGH header (version 1, {_HEADER_BYTES} bytes); it may be damaged"
            raise FormatError(msg)
        with guarded(place, "read the header"):
            header = _parsed(bytes(data[:_HEADER_BYTES]))
            sizes = tuple(int(size) for size in header["dims"])
            affine = np.asarray(header.get_affine(), dtype=np.float64)
            kind = int(header["type"])
        if kind not in _TYPES:
            msg = f"{place}: the header has the unknown voxel type {kind}; it is damaged"
            raise FormatError(msg)
        affine = affine if np.isfinite(affine).all() else np.eye(4)
        shape = sizes[:3] if sizes[3] == 1 else sizes
        return Layout(_HEADER_BYTES, shape, np.dtype(_TYPES[kind]), affine=affine)


def _parsed(block: bytes) -> Any:
    from nibabel.freesurfer import mghformat  # noqa: PLC0415

    return mghformat.MGHHeader(block, check=False)  # type: ignore[no-untyped-call]


formats.register(MGH.name)(MGH())
