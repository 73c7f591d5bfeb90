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
from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.mapping_levels import Levels, kernel_dtype
from medcodec.errors import FormatError

MAX_LEVEL = (1 << 20) - 1
# Statistics are kept for every tile of a row: wider rows would take hundreds of bytes a voxel.
MAX_WIDTH = 1 << 14
# Version 1 knew no bound on errors, and its symbols were one part.
_WHOLE, _USUAL, _KEEPS_BACKGROUND = 1, 2, 3


def encode_fast(
    levels: npt.NDArray[Any],
    *,
    max_error: int = 0,
    level_of: npt.NDArray[np.uint16] | None = None,
    path: str = "auto",
) -> bytes:
    """Return coded levels, shape ``(sequences, frames, height, width)``, integers in ``0..MAX_LEVEL``.

    Parameters
    ----------
    levels
        At most `MAX_WIDTH` wide.
    max_error
        Greatest difference of a decoded level to the given one; 0 is lossless.
    level_of
        Without a bound: the level of each number, if what is given are not levels but unsigned numbers of
        8 or 16 bits; the greatest level is that of a number that is there.
    path
        Instruction set: "auto", "baseline", "avx2" or "avx512"; all give the same bytes.
    """
    max_level = int((levels if level_of is None else level_of).max())
    dtype = kernel_dtype(max_level) if level_of is None else levels.dtype
    keeps_background = max_error > 0 and solid_background(levels) is not None
    version = _KEEPS_BACKGROUND if keeps_background else _USUAL
    head = b"".join(map(unsigned_bytes, (version, max_level, max_error)))
    if not max_error:
        exact = np.ascontiguousarray(levels, dtype=dtype)
        return head + _native.fast_encode(exact, max_level=max_level, level_of=level_of, path=path)
    return head + _native.fast_encode_bounded(
        np.array(levels, dtype, order="C"),  # which becomes what is decoded
        max_level=max_level,
        max_error=max_error,
        keeps_background=keeps_background,
        path=path,
    )


def decode_fast(reader: ByteReader, shape: tuple[int, int, int, int], *, path: str = "auto") -> Levels:
    """Return the levels that `encode_fast` coded.

    Raises
    ------
    FormatError
        If the rest of ``reader`` is not a valid coding of levels of this shape.
    """
    version, max_level = reader.unsigned(), reader.unsigned()
    max_error = reader.unsigned() if version > _WHOLE else 0
    if not _WHOLE <= version <= _KEEPS_BACKGROUND or max(max_level, max_error) > MAX_LEVEL:
        what = f"version {version}, greatest level {max_level} or error {max_error}"
        msg = f"fast group: {what} is unknown; a newer medcodec may know it"
        raise FormatError(msg)
    if shape[3] > MAX_WIDTH:
        msg = f"fast group: rows of {shape[3]} levels are longer than {MAX_WIDTH}"
        raise FormatError(msg)
    levels = np.empty(shape, kernel_dtype(max_level))
    data = reader.rest()
    if not _native.fast_decode(
        data,
        levels,
        max_level=max_level,
        max_error=max_error,
        keeps_background=version == _KEEPS_BACKGROUND,
        in_parts=version > _WHOLE,
        path=path,
    ):
        msg = f"fast group: {len(data)} bytes are not a coding of {math.prod(shape)} levels"
        raise FormatError(msg)
    return levels
