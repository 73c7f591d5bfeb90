"""NumPy arrays: ``.npy`` files, restored byte for byte, and arrays in memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError
from medcodec.volume.formats import formats
from medcodec.volume.guard import guarded
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.raw import Order, byteorder_of, check_dtype, count_voxels, take_voxels
from medcodec.volume.raw_file import Layout, RawFile
from medcodec.volume.streams import Buffer

_MAGIC = b"\x93NUMPY"
_BYTE = np.dtype(np.uint8)


class NumPy(RawFile):
    """``.npy`` files of numbers; booleans are held as ``uint8``. Pickled objects are refused."""

    name = "numpy"
    suffixes = (".npy",)

    def claims(self, name: str, head: bytes) -> bool:  # noqa: ARG002
        """Tell a ``.npy`` file by its magic number."""
        return head.startswith(_MAGIC)

    def locate(self, data: Buffer, *, place: str) -> Layout:
        """Return where the header puts the array; its geometry is unknown."""
        offset, shape, order, dtype = _parse_header(data, place)
        return Layout(offset, shape, _BYTE if dtype == np.dtype(bool) else dtype, order)


def from_array(
    array: npt.NDArray[Any],
    *,
    affine: npt.NDArray[np.float64] | None = None,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Volume:
    """Return a volume that holds an array of any dtype that `.npy` files may have; it restores to one.

    Parameters
    ----------
    array
        Stored values, any number of axes; it is not copied unless its byte order or layout asks for it.
    affine
        Shape ``(4, 4)``, voxel indices to RAS millimetres; the identity if not given.
    slope, intercept
        Scaled value = stored value * slope + intercept.

    Raises
    ------
    UnsupportedDataError
        If the dtype is none that can be coded (objects, text, dates, 128-bit floats).
    FormatError
        If the array is empty.
    """
    place = "array"
    dtype = _BYTE if array.dtype == np.dtype(bool) else array.dtype
    count_voxels(array.shape, place)
    check_dtype(dtype, place)
    order: Order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    header = io.BytesIO()
    with guarded(place, "describe it"):
        np.lib.format.write_array_header_1_0(
            header,
            {
                "descr": np.lib.format.dtype_to_descr(array.dtype),
                "fortran_order": order == "F",
                "shape": array.shape,
            },
        )
    flat = array.ravel(order=order).view(dtype)
    data = flat.view(_BYTE).data
    voxels, _ = take_voxels(data, offset=0, shape=array.shape, dtype=dtype, order=order, place=place)
    meta = {"byteorder": byteorder_of(dtype), "order": order}
    source = SourceRecord(NumPy.name, meta, {"head": header.getvalue(), "tail": b""})
    where = np.eye(4) if affine is None else np.asarray(affine, dtype=np.float64)
    return Volume(voxels, where, float(slope), float(intercept), source)


def _parse_header(data: Buffer, place: str) -> tuple[int, tuple[int, ...], Order, np.dtype[Any]]:
    file = io.BytesIO(data[: 1 << 20])
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with guarded(place, "read the header"):
        version = np.lib.format.read_magic(file)
        if version not in readers:
            msg = f"{place}: .npy version {version[0]}.{version[1]} is for text field names, not for voxels"
            raise FormatError(msg)
        shape, fortran, dtype = readers[version](file)
    return file.tell(), shape, "F" if fortran else "C", dtype


formats.register(NumPy.name)(NumPy())
