"""Facts from NIfTI-1, NIfTI-2 and Analyze headers: where the voxels are, what they are, where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.guard import guarded
from medcodec.volume.raw import RGB, RGBA
from medcodec.volume.streams import Buffer

NIFTI1_BYTES = 348
NIFTI2_BYTES = 540
_NIFTI1_MAGIC = slice(344, 348)
_NIFTI2_MAGIC = slice(4, 12)
_ANALYZE_SIZES = (NIFTI1_BYTES.to_bytes(4, "little"), NIFTI1_BYTES.to_bytes(4, "big"))
_NIFTI2_TAIL = b"\r\n\x1a\n"
_CODES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
    1024: "i8", 1280: "u8", 1792: "c16",
}  # fmt: skip
_UNSUPPORTED = {1: "binary (1 bit)", 1536: "float128", 2048: "complex256"}


@dataclass(frozen=True)
class NiftiHeader:
    """What a header says about the voxels.

    Parameters
    ----------
    kind
        "nifti1", "nifti2" or "analyze".
    single
        Voxels are in the same file as the header.
    size_bytes
        Size of the fixed part of the header.
    dtype
        Of the stored voxels, with their byte order; RGB(A) is a structured ``uint8`` dtype.
    shape
        As in the file, 1 to 7 axes.
    voxel_offset
        Bytes before the voxels in the file that holds them.
    affine, slope, intercept
        As in `Volume`; a slope of zero or NaN counts as none.
    """

    kind: str
    single: bool
    size_bytes: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    voxel_offset: int
    affine: npt.NDArray[np.float64]
    slope: float
    intercept: float


def header_kind(head: Buffer) -> tuple[str, bool] | None:
    """Return (kind, single) from a file's first bytes, or None if they are no NIfTI or Analyze header."""
    if head[_NIFTI2_MAGIC][4:8] == _NIFTI2_TAIL and head[4:8] in (b"n+2\0", b"ni2\0"):
        return "nifti2", head[4:8] == b"n+2\0"
    magic = bytes(head[_NIFTI1_MAGIC])
    if magic in (b"n+1\0", b"ni1\0"):
        return "nifti1", magic == b"n+1\0"
    is_analyze = len(head) >= NIFTI1_BYTES and bytes(head[:4]) in _ANALYZE_SIZES
    return ("analyze", False) if is_analyze else None


def parse_header(data: Buffer, *, place: str) -> NiftiHeader:
    """Return the facts of the header that ``data`` starts with.

    Raises
    ------
    FormatError
        If it is cut short, damaged or of another format.
    UnsupportedDataError
        If the voxels are bits or extended floats, which cannot be coded.
    """
    found = header_kind(data)
    size = NIFTI2_BYTES if found and found[0] == "nifti2" else NIFTI1_BYTES
    if found is None or len(data) < size:
        msg = f"{place}: no NIfTI or Analyze header among its {len(data)} bytes; it may be damaged"
        raise FormatError(msg)
    kind, single = found
    with guarded(place, "read the header"):
        header = _nibabel_header(kind, single, bytes(data[:size]))
        shape = tuple(int(axis) for axis in header.get_data_shape())
        offset = int(header["vox_offset"])
        slope, intercept = _scaling(header)
    if single and offset == 0:
        offset = NIFTI1_BYTES + 4 if kind == "nifti1" else NIFTI2_BYTES + 4
    if offset < (size if single else 0):
        msg = f"{place}: the header puts the voxels at byte {offset}, inside itself; it is damaged"
        raise FormatError(msg)
    dtype = _dtype(int(header["datatype"]), header.endianness, place)
    return NiftiHeader(kind, single, size, dtype, shape, offset, _affine(header), slope, intercept)


def _nibabel_header(kind: str, single: bool, block: bytes) -> Any:
    from nibabel import nifti1, nifti2, spm2analyze  # noqa: PLC0415

    classes = {
        ("nifti1", True): nifti1.Nifti1Header,
        ("nifti1", False): nifti1.Nifti1PairHeader,
        ("nifti2", True): nifti2.Nifti2Header,
        ("nifti2", False): nifti2.Nifti2PairHeader,
        ("analyze", False): spm2analyze.Spm2AnalyzeHeader,
    }
    return classes[kind, single](block, check=False)


def _dtype(code: int, endianness: str, place: str) -> np.dtype[Any]:
    if code in _CODES:
        return np.dtype(("<" if endianness == "<" else ">") + _CODES[code])
    if code in (128, 2304):
        return RGB if code == 128 else RGBA
    if code in _UNSUPPORTED:
        msg = (
            f"{place}: voxels of type {_UNSUPPORTED[code]} cannot be coded; convert them first, for example "
            "with nibabel: img.set_data_dtype('uint8'), 'float64' or 'complex128'"
        )
        raise UnsupportedDataError(msg)
    msg = f"{place}: the header has the unknown data type code {code}; it is damaged"
    raise FormatError(msg)


def _scaling(header: Any) -> tuple[float, float]:
    from nibabel.spatialimages import HeaderDataError  # noqa: PLC0415

    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError:
        return 1.0, 0.0
    return (1.0, 0.0) if slope is None else (float(slope), float(intercept or 0.0))


def _affine(header: Any) -> npt.NDArray[np.float64]:
    """Return the best affine; headers without a valid one give that of the voxel sizes, or the identity."""
    for candidate in ("get_best_affine", "get_base_affine"):
        try:
            affine = np.asarray(getattr(header, candidate)(), dtype=np.float64)
        except Exception:  # nibabel raises all sorts on odd quaternions and sizes
            continue
        if np.isfinite(affine).all():
            return affine
    return np.eye(4)
