"""The coder behind the effort `fastest`: block-wise trained 3-D predictors and interleaved rANS.

This is a thin layer over the native kernel, which releases the interpreter lock; the stream is described in
`docs/format-blocks.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError, UnsupportedDataError

_NATIVE_DTYPES = frozenset(np.dtype(name) for name in ("int8", "uint8", "int16", "uint16", "int32"))


def encode_blocks(voxels: AnyArray, *, path: str = "auto", by_rows: bool = False, limit: int = 0) -> bytes:
    """Encode a group of frames without loss.

    Parameters
    ----------
    voxels
        Shape ``(sequences, frames, height, width)``, any integer dtype whose values fit ``int32``. Frame
        ``n`` is predicted from frame ``n - 1`` of its sequence and frame ``n`` of the sequence before.
        Values within a range of ``2**16`` take the fast 16-bit path.
    path
        Instruction set: "auto", "scalar", "sse2", "avx2" or "avx512"; all give the same bytes.
    by_rows
        Code small boxes, of at most 32 frames, rows and columns, for quick decoding.
    limit
        Unless 0: return nothing if the stream would surely have so many bytes or more. Finding that out takes
        less time and memory than the stream.

    Raises
    ------
    UnsupportedDataError
        If the dtype is not integer, the values do not fit ``int32``, or the shape has not four axes.
    """
    if voxels.ndim != 4:
        msg = f"voxels have {voxels.ndim} axes; the block coder takes (sequences, frames, height, width)"
        raise UnsupportedDataError(msg)
    return _native.blocks_encode(
        np.ascontiguousarray(_narrowed(voxels)),
        path=path,
        by_rows=by_rows,
        limit=limit,
    )


def decode_blocks(
    data: bytes,
    shape: tuple[int, int, int, int],
    dtype: np.dtype[Any],
    *,
    start: int = 0,
    path: str = "auto",
) -> AnyArray:
    """Return the voxels that `encode_blocks` was given, as an array of ``shape`` and ``dtype``.

    The stream begins at byte ``start`` of ``data``.

    Raises
    ------
    FormatError
        If ``data`` is damaged, or does not fit ``shape`` or ``dtype``. Some damage passes unnoticed and gives
        wrong voxels: the container's checksums are what finds it.
    """
    dtype = dtype if dtype.isnative else dtype.newbyteorder("=")
    out = np.empty(shape, dtype if dtype in _NATIVE_DTYPES else np.int32)
    try:
        _native.blocks_decode(data, out, start=start, path=path)
    except RuntimeError as error:
        msg = f"group of {shape} {dtype} voxels: {error}; the file is damaged, restore it from a copy"
        raise FormatError(msg) from error
    if out.dtype == dtype:
        return out
    return _checked_cast(out, dtype)


def decode_many_blocks(
    data: bytes,
    ranges: Sequence[tuple[int, int]],
    shapes: Sequence[tuple[int, int, int, int]],
    dtype: np.dtype[Any],
) -> list[AnyArray] | None:
    """Return what `decode_blocks` returns for each range ``(start, stop)`` of ``data``.

    None if the kernel has no voxels of this ``dtype``.

    Raises
    ------
    FormatError
        If any of the streams is damaged.
    """
    if dtype not in _NATIVE_DTYPES:
        return None
    out = [np.empty(shape, dtype) for shape in shapes]
    try:
        _native.blocks_decode_many(data, ranges, out)
    except RuntimeError as error:
        msg = f"one of {len(out)} groups: {error}; the file is damaged, restore it from a copy"
        raise FormatError(msg) from error
    return out


def place_blocks(
    data: bytes, ranges: Sequence[tuple[int, int]], cuts: npt.NDArray[np.int64], frames: AnyArray
) -> list[int] | None:
    """Copy parts of the groups that are coded in ranges ``(start, stop)`` of ``data`` into ``frames``.

    Each group is decoded into the same memory, which the processor's cache holds, and not kept.

    Parameters
    ----------
    data, ranges
        As for `decode_many_blocks`.
    cuts, frames
        As for `Codec.place_many`.

    Returns
    -------
    The CRC32C of the voxels of each group; None if the kernel has no voxels of the dtype of ``frames``.

    Raises
    ------
    FormatError
        If any of the streams is damaged.
    """
    if frames.dtype not in _NATIVE_DTYPES or (sys.byteorder != "little" and frames.itemsize > 1):
        return None
    try:
        return _native.blocks_place(data, ranges, cuts, frames)
    except RuntimeError as error:
        msg = f"one of {len(ranges)} groups: {error}; the file is damaged, restore it from a copy"
        raise FormatError(msg) from error


def _narrowed(voxels: AnyArray) -> AnyArray:
    dtype = voxels.dtype.newbyteorder("=")
    if dtype in _NATIVE_DTYPES:
        return voxels.astype(dtype, copy=False)
    limits = np.iinfo(np.int32)
    fits = voxels.dtype.kind in "iu" and (
        voxels.size == 0 or (int(voxels.min()) >= limits.min and int(voxels.max()) <= limits.max)
    )
    if not fits:
        msg = f"the block coder takes integers that fit int32, not these {voxels.dtype} values"
        raise UnsupportedDataError(msg)
    return voxels.astype(np.int32)


def _checked_cast(values: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    if dtype.kind == "u" and values.size and int(values.min()) < 0:
        msg = f"the group holds negative values, which {dtype} cannot; the file is damaged"
        raise FormatError(msg)
    return values.astype(dtype)
