"""Voxels inside a file's bytes: taken out in native byte order, put back as they were."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.streams import Buffer

Order = Literal["C", "F"]
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
RGBA = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1"), ("A", "u1")])
MAX_AXES = 5
_CHUNK_BYTES = 1 << 22
_NUMBERS = frozenset(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"])


def take_voxels(
    data: Buffer, *, offset: int, shape: Sequence[int], dtype: np.dtype[Any], order: Order, place: str
) -> tuple[npt.NDArray[Any], int]:
    """Return the voxels that start at ``offset`` and the offset where they end.

    Parameters
    ----------
    shape
        As the file says; more than 5 axes are folded into the fifth, a single one becomes ``(n, 1)``.
    dtype
        As stored, with its byte order; the result has the native one (a view unless bytes are swapped).
    order
        Memory order in the file: "F" if the first axis runs fastest.
    place
        The file's name for messages.

    Raises
    ------
    FormatError
        If the shape is impossible or ``data`` is shorter than it claims; nothing is allocated before.
    UnsupportedDataError
        If voxels of that dtype cannot be coded.
    """
    check_dtype(dtype, place)
    count = count_voxels(shape, place)
    size = count * dtype.itemsize
    if not 0 <= offset <= len(data) - size:
        msg = (
            f"{place}: the header promises {'x'.join(map(str, shape))} voxels of {dtype} ({size} bytes) "
            f"from byte {offset} on, but the file ends at byte {len(data)}; it is cut short or damaged"
        )
        raise FormatError(msg)
    flat = to_native(np.frombuffer(data, dtype, count, offset))
    return flat.reshape(fold(shape), order=order), offset + size


def put_voxels(voxels: npt.NDArray[Any], *, byteorder: str, order: Order) -> Iterator[bytes]:
    """Yield the bytes of the voxels as stored in a file, a few megabytes at a time.

    Parameters
    ----------
    byteorder
        "<" or ">"; anything else means native.
    """
    axis = voxels.ndim - 1 if order == "F" else 0
    count = voxels.shape[axis]
    step = max(1, _CHUNK_BYTES * count // max(1, voxels.nbytes))
    swap = byteorder == (">" if sys.byteorder == "little" else "<")
    for start in range(0, count, step):
        slab = voxels[..., start : start + step] if order == "F" else voxels[start : start + step]
        yield (slab.byteswap() if swap else slab).tobytes(order=order)


def byteorder_of(dtype: np.dtype[Any]) -> str:
    """Return "<", ">" or "|" (one byte wide) for a dtype."""
    return str(dtype.str[0])


def to_native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array aligned and in native byte order; every bit pattern (NaN payloads too) is kept."""
    if not array.dtype.isnative:
        native: npt.NDArray[Any] = array.byteswap().view(array.dtype.newbyteorder("="))
        return native
    return array if array.flags.aligned else array.copy()


def count_voxels(shape: Sequence[int], place: str) -> int:
    """Return the number of voxels; refuse shapes without voxels or with negative sizes."""
    if not shape or any(size <= 0 for size in shape):
        msg = f"{place}: the header gives the shape ({', '.join(map(str, shape))}), which holds no voxels"
        raise FormatError(msg)
    return math.prod(int(size) for size in shape)


def fold(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape with 2 to 5 axes: ones are added, surplus axes are joined with the fifth."""
    sizes = [int(size) for size in shape]
    head, rest = sizes[: MAX_AXES - 1], sizes[MAX_AXES - 1 :]
    axes = [*head, math.prod(rest)] if rest else head
    return (*axes, *(1,) * (2 - len(axes)))


def check_dtype(dtype: np.dtype[Any], place: str) -> None:
    """Raise `UnsupportedDataError` unless voxels of that dtype can be coded."""
    if dtype in (RGB, RGBA) or dtype.str[1:] in _NUMBERS:
        return
    msg = (
        f"{place}: voxels of type {dtype} cannot be coded; convert them first, for example with nibabel: "
        "img.set_data_dtype('float64'), or with numpy: array.astype('float64')"
    )
    raise UnsupportedDataError(msg)
