"""The coder behind the effort `fast`: tiled least-squares predictors and mixed adaptive histograms.

A thin layer over the native kernel (`native/fast_*.inl`), which releases the interpreter lock; the stream is
described in `docs/format-fast.md`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_levels import Levels, kernel_dtype
from medcodec.errors import FormatError

MAX_LEVEL = (1 << 20) - 1
# Statistics are kept for every tile of a row: wider rows would take hundreds of bytes a voxel.
MAX_WIDTH = 1 << 14
_VERSION = 1


def encode_fast(
    levels: npt.NDArray[Any], *, level_of: npt.NDArray[np.uint16] | None = None, path: str = "auto"
) -> bytes:
    """Return coded levels, shape ``(sequences, frames, height, width)``, integers in ``0..MAX_LEVEL``.

    Parameters
    ----------
    levels
        At most `MAX_WIDTH` wide.
    level_of
        The level of each number, if what is given are not levels but unsigned numbers of 8 or 16 bits; the
        greatest level is that of a number that is there.
    path
        Instruction set: "auto", "baseline", "avx2" or "avx512"; all give the same bytes.
    """
    max_level = int((levels if level_of is None else level_of).max())
    dtype = kernel_dtype(max_level) if level_of is None else levels.dtype
    return b"".join(map(unsigned_bytes, (_VERSION, max_level))) + _native.fast_encode(
        np.ascontiguousarray(levels, dtype=dtype), max_level=max_level, level_of=level_of, path=path
    )


def decode_fast(reader: ByteReader, shape: tuple[int, int, int, int], *, path: str = "auto") -> Levels:
    """Return the levels that `encode_fast` coded.

    Raises
    ------
    FormatError
        If the rest of ``reader`` is not a valid coding of levels of this shape.
    """
    version, max_level = reader.unsigned(), reader.unsigned()
    if version != _VERSION or max_level > MAX_LEVEL:
        what = f"version {version} or greatest level {max_level}"
        msg = f"fast group: {what} is unknown; a newer medcodec may know it"
        raise FormatError(msg)
    if shape[3] > MAX_WIDTH:
        msg = f"fast group: rows of {shape[3]} levels are longer than {MAX_WIDTH}"
        raise FormatError(msg)
    levels = np.empty(shape, kernel_dtype(max_level))
    data = reader.rest()
    if not _native.fast_decode(data, levels, max_level=max_level, path=path):
        msg = f"fast group: {len(data)} bytes are not a coding of {math.prod(shape)} levels"
        raise FormatError(msg)
    return levels
