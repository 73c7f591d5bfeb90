"""The two checksums of a file: CRC32C against damage, SHA-256 as the name of the voxels."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native

_CHUNK_BYTES = 1 << 20


def crc32c(data: bytes) -> int:
    """Return the CRC32C (Castagnoli) of ``data``."""
    return _native.crc32c(data)


def little_endian(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``array`` with little-endian values; the same array where it has them already."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def voxel_crc(box: npt.NDArray[Any]) -> int:
    """Return the CRC32C of a decoded box: its values in C order, little-endian."""
    return voxel_crcs([np.ascontiguousarray(box)])[0]


def voxel_crcs(boxes: Sequence[npt.NDArray[Any]]) -> list[int]:
    """Return what `voxel_crc` returns, for each of several boxes in C order."""
    if sys.byteorder != "little":
        boxes = [little_endian(box) for box in boxes]
    return _native.crc32c_of_arrays(boxes)


def voxel_sha256(voxels: npt.NDArray[Any]) -> bytes:
    """Return the SHA-256 of a volume: its values with the first axis fastest, little-endian.

    That is the order of a NIfTI file, so that the sum can be checked on its voxels by other tools.
    """
    digest = hashlib.sha256()
    if voxels.ndim < 2 or voxels.flags.f_contiguous:
        digest.update(little_endian(voxels).reshape(-1, order="F").view(np.uint8).data)
        return digest.digest()
    last = max(1, _CHUNK_BYTES * voxels.shape[-1] // max(1, voxels.nbytes))
    for start in range(0, voxels.shape[-1], last):
        digest.update(little_endian(voxels[..., start : start + last]).tobytes(order="F"))
    return digest.digest()
