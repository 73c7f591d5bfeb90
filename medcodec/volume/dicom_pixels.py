"""The pixels of one DICOM file as an array of stored words, and back to the same bytes."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.dicom_values import integer, value_of
from medcodec.volume.raw import RGB, take_voxels
from medcodec.volume.streams import Buffer

_KEYWORDS = {"PixelData": "", "FloatPixelData": "f4", "DoubleFloatPixelData": "f8"}
_WORDS = {8: "1", 16: "2", 32: "4", 64: "8"}


@dataclass(frozen=True)
class PixelLayout:
    """How the words of one file are stored.

    Parameters
    ----------
    shape
        Axes in the file: (frames, rows, columns), then the samples of a pixel if there are several; with
        ``planar``, (frames, samples, rows, columns).
    dtype
        Of a word in the file, with its byte order ("<u2").
    planar
        Colours come one plane after the other.
    swapped_pairs
        8-bit words were written as 16-bit ones in big-endian order, so that neighbours are swapped.
    packed_bits
        One bit per pixel, the first in the lowest bit.
    sign_bits
        If not 0, words are two's complement in this many bits with zeros above; the array has real signs.
    """

    shape: tuple[int, ...]
    dtype: str
    planar: bool = False
    swapped_pairs: bool = False
    packed_bits: bool = False
    sign_bits: int = 0

    @property
    def size_bytes(self) -> int:
        """Number of bytes of the pixels in the file."""
        count = math.prod(self.shape)
        return (count + 7) // 8 if self.packed_bits else count * np.dtype(self.dtype).itemsize

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON values."""
        return {**asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PixelLayout:
        """Return the layout of `to_dict`; raise `FormatError` if it is malformed."""
        try:
            layout = cls(**{**values, "shape": tuple(int(size) for size in values["shape"])})
            valid = layout.size_bytes > 0 and len(layout.shape) in (3, 4) and 0 <= layout.sign_bits < 64
        except (KeyError, TypeError, ValueError) as error:
            msg = f"the record of the DICOM source has a malformed pixel layout ({error})"
            raise FormatError(msg) from error
        if not valid:
            msg = f"the record of the DICOM source has an impossible pixel layout {values}"
            raise FormatError(msg)
        return layout


def pixel_keyword(dataset: Any, place: str) -> str:
    """Return which of the pixel data elements a data set has."""
    found = next((keyword for keyword in _KEYWORDS if keyword in dataset), None)
    if found is None and "Rows" in dataset and "BitsAllocated" in dataset:
        msg = f"{place}: describes an image, but has no pixel data; it is cut short or damaged"
        raise FormatError(msg)
    if found is None:
        msg = f"{place}: a DICOM file without pixel data; only images can be compressed"
        raise UnsupportedDataError(msg)
    return found


def describe_pixels(dataset: Any, place: str, *, little_endian: bool, word_vr: bool) -> PixelLayout:
    """Return the layout of native pixel data.

    Parameters
    ----------
    dataset
        A pydicom data set with its image attributes.
    little_endian
        Byte order of the transfer syntax.
    word_vr
        The pixel data have the value representation OW.
    """
    keyword = pixel_keyword(dataset, place)
    frames = integer(value_of(dataset, "NumberOfFrames")) or 1
    samples = integer(value_of(dataset, "SamplesPerPixel")) or 1
    rows, columns = _size(dataset, "Rows", place), _size(dataset, "Columns", place)
    allocated = _size(dataset, "BitsAllocated", place) if keyword == "PixelData" else 0
    planar = samples > 1 and int(dataset.get("PlanarConfiguration") or 0) == 1
    shape: tuple[int, ...] = (frames, rows, columns)
    if samples > 1:
        shape = (frames, samples, rows, columns) if planar else (frames, rows, columns, samples)
    if allocated == 1:
        return PixelLayout(shape, "|u1", planar, packed_bits=True)
    if keyword == "PixelData" and allocated not in _WORDS:
        msg = f"{place}: {allocated} bits per stored pixel cannot be coded; write it with 8, 16 or 32 bits"
        raise UnsupportedDataError(msg)
    if allocated == 8 and str(dataset.get("PhotometricInterpretation")).startswith("YBR_FULL_422"):
        shape = (frames, rows, *_pairs(columns, place))  # two brightnesses share two colour values
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    word = _KEYWORDS[keyword] or ("i" if signed else "u") + _WORDS[allocated]
    order = "|" if allocated == 8 else "<" if little_endian else ">"
    swapped = allocated == 8 and word_vr and not little_endian
    return PixelLayout(shape, order + word, planar, swapped_pairs=swapped)


def take_pixels(data: Buffer, offset: int, layout: PixelLayout, place: str) -> tuple[npt.NDArray[Any], int]:
    """Return the words, shape (frames, rows, columns[, samples]), and the offset after them.

    Three 8-bit samples become an RGB structured dtype. Bytes are swapped and bits unpacked as needed.
    """
    size = layout.size_bytes + (layout.size_bytes % 2 if layout.swapped_pairs else 0)
    flat, end = take_voxels(
        data,
        offset=offset,
        shape=(size // np.dtype(layout.dtype).itemsize,),
        dtype=np.dtype(layout.dtype),
        order="C",
        place=place,
    )
    words = flat[:, 0]
    if layout.packed_bits:
        return _unpacked(words, layout, place), end
    if layout.swapped_pairs:
        words = words.reshape(-1, 2)[:, ::-1].reshape(-1)
        if len(words) > layout.size_bytes and words[-1] != 0:
            msg = f"{place}: the byte after the last pixel is not zero; write it in little-endian order"
            raise UnsupportedDataError(msg)
    return _samples_last(words[: math.prod(layout.shape)].reshape(layout.shape), layout), end


def put_pixels(words: npt.NDArray[Any], layout: PixelLayout) -> bytes:
    """Return the bytes of `take_pixels`'s array."""
    if words.dtype.names:
        words = np.ascontiguousarray(words).view(np.uint8).reshape(*words.shape, len(words.dtype.names))
    if layout.planar:
        words = np.moveaxis(words, -1, 1)
    if words.shape != layout.shape or words.dtype != np.dtype(layout.dtype).newbyteorder("="):
        msg = f"the record of the DICOM source expects pixels {layout}, not {words.dtype} {words.shape}"
        raise FormatError(msg)
    if layout.packed_bits:
        return np.packbits(words.reshape(-1), bitorder="little").tobytes()
    if layout.sign_bits:
        # Lossy codecs may leave the range; without its limits a sign would turn round.
        highest = (1 << (layout.sign_bits - 1)) - 1
        words = np.clip(words, -highest - 1, highest) & np.array((1 << layout.sign_bits) - 1, words.dtype)
    if layout.swapped_pairs:
        flat = np.append(words.reshape(-1), np.zeros(words.size % 2, np.uint8))
        return flat.reshape(-1, 2)[:, ::-1].tobytes()
    swap = layout.dtype[0] == (">" if sys.byteorder == "little" else "<")
    return (words.byteswap() if swap else words).tobytes()


def sign_extended(words: npt.NDArray[Any], bits_stored: int) -> npt.NDArray[Any] | None:
    """Return signed words with their sign spread over the unused high bits, where those were all zero.

    Returns
    -------
    numpy.ndarray or None
        None if there is nothing to spread, or if the high bits hold something (then whole words are coded).
    """
    allocated = words.dtype.itemsize * 8
    if words.dtype.kind != "i" or not 1 < bits_stored < allocated:
        return None
    if int(words.min()) < 0 or int(words.max()) >> bits_stored:
        return None
    if not int(words.max()) >> (bits_stored - 1):
        return None
    shift = np.array(allocated - bits_stored, words.dtype)
    extended: npt.NDArray[Any] = (words << shift) >> shift
    return extended


def _size(dataset: Any, keyword: str, place: str) -> int:
    value = dataset.get(keyword)
    if value is None:
        msg = f"{place}: a DICOM file without {keyword}; it is no image, or damaged"
        raise FormatError(msg)
    return int(value)


def _pairs(columns: int, place: str) -> tuple[int, int]:
    if columns % 2:
        msg = f"{place}: YBR_FULL_422 with an odd number of columns ({columns}) cannot be coded"
        raise UnsupportedDataError(msg)
    return columns // 2, 4


def _unpacked(words: npt.NDArray[Any], layout: PixelLayout, place: str) -> npt.NDArray[Any]:
    count = math.prod(layout.shape)
    bits = np.unpackbits(words, bitorder="little")
    if bits[count:].any():
        msg = f"{place}: the bits after the last pixel are not zero; rewrite it with 8 bits per pixel"
        raise UnsupportedDataError(msg)
    return _samples_last(bits[:count].reshape(layout.shape), layout)


def _samples_last(words: npt.NDArray[Any], layout: PixelLayout) -> npt.NDArray[Any]:
    if layout.planar:
        words = np.moveaxis(words, 1, -1)
    if words.ndim == 4 and words.shape[-1] == 3 and words.dtype == np.uint8:
        return np.ascontiguousarray(words).view(RGB)[..., 0]
    return words
