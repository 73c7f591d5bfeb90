"""One DICOM file: its pixels, and all its other bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, MissingDependencyError, UnsupportedDataError
from medcodec.volume.dicom_frames import Frame, read_frames
from medcodec.volume.dicom_pixels import (
    PixelLayout,
    describe_pixels,
    pixel_keyword,
    sign_extended,
    take_pixels,
)
from medcodec.volume.guard import guarded
from medcodec.volume.streams import Buffer

_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_SMALL_BYTES = 1 << 26
_MAX_RATIO = 5000


@dataclass(frozen=True)
class DicomFile:
    """One file, taken apart.

    Parameters
    ----------
    head, tail
        The bytes before and after the pixels.
    words
        The pixels, shape (frames, rows, columns[, samples]), as `take_pixels` gives them.
    layout
        How to turn ``words`` into bytes.
    frames
        Geometry of each frame.
    converted
        The transfer syntax was compressed; ``head`` is that of the native file.
    """

    head: bytes
    tail: bytes
    words: npt.NDArray[Any]
    layout: PixelLayout
    frames: list[Frame]
    converted: bool


def take_apart(data: Buffer, *, place: str) -> DicomFile:
    """Return the parts of a DICOM file.

    Files in a compressed transfer syntax are decoded and taken apart as Explicit VR Little Endian.

    Raises
    ------
    FormatError
        If it is cut short, damaged or no DICOM file.
    UnsupportedDataError
        If it holds no image, a video, or pixels of an unsupported kind.
    MissingDependencyError
        If decoding needs a package that is not installed.
    """
    with guarded(place, "read the DICOM file"):
        dataset = parse_dataset(data)
        converted = is_compressed(dataset)
        if converted:
            data = native_file(dataset, place)
            dataset = parse_dataset(data)
        offset, length, vr = _pixel_element(dataset, place)
        layout = describe_pixels(
            dataset, place, little_endian=bool(dataset.original_encoding[1]), word_vr=vr == "OW"
        )
        if length < layout.size_bytes:
            msg = (
                f"{place}: the attributes promise {layout.size_bytes} bytes of pixels, the pixel data have "
                f"{length}; it is cut short or damaged"
            )
            raise FormatError(msg)
        words, end = take_pixels(data, offset, layout, place)
        words, layout = _with_signs(dataset, words, layout)
        frames = read_frames(dataset, words.shape[0])
    return DicomFile(bytes(data[:offset]), bytes(data[end:]), words, layout, frames, converted)


def parse_dataset(data: Buffer, *, tags: list[str] | None = None) -> Any:
    """Return the pydicom data set of a file's bytes; with ``tags``, only those, without pixels."""
    import pydicom  # noqa: PLC0415

    file = io.BytesIO(data)
    if tags is None:
        return pydicom.dcmread(file, force=True)
    return pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(tags))


def is_compressed(dataset: Any) -> bool:
    """Tell whether the transfer syntax compresses the pixels or the whole data set."""
    uid = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if uid is None or not uid.is_transfer_syntax or uid.is_private:
        return False
    return bool(uid.is_compressed or uid.is_deflated)


def native_file(dataset: Any, place: str) -> bytes:
    """Return the file with its pixels decoded, in Explicit VR Little Endian, all else as it was.

    Colours stay in the space in which they were coded where the decoder allows it; the photometric
    interpretation says which it is.
    """
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415

    pixel_keyword(dataset, place)
    if dataset.file_meta.TransferSyntaxUID == _DEFLATED:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    else:
        _check_decoder(dataset.file_meta.TransferSyntaxUID, place)
        _check_claim(dataset, place)
        dataset.decompress(as_rgb=False, generate_instance_uid=False)
        if dataset.PhotometricInterpretation == "YBR_FULL_422":
            dataset.PhotometricInterpretation = "YBR_FULL"  # decoders give every pixel its own colour
    for tag in list(dataset.keys()):
        if dataset.get_item(tag).VR is None:
            dataset[tag]  # looks the value representation up, which implicit files leave out
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=False)
    return file.getvalue()


def _check_decoder(uid: Any, place: str) -> None:
    from pydicom.pixels import get_decoder  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        decoder = get_decoder(uid)
    except NotImplementedError as error:
        msg = f"{place}: the transfer syntax {uid.name} cannot be decoded; convert it to a native one first"
        raise UnsupportedDataError(msg) from error
    if not decoder.is_available:
        msg = f"{place}: decoding {uid.name} needs more packages: pip install 'medcodec[dicom]'"
        raise MissingDependencyError(msg)


def _check_claim(dataset: Any, place: str) -> None:
    """Refuse sizes that no compressed pixel data of this length can hold, before a decoder allocates them."""
    claimed = describe_pixels(dataset, place, little_endian=True, word_vr=True).size_bytes
    packed = len(dataset.PixelData or b"")
    if claimed > max(_SMALL_BYTES, _MAX_RATIO * packed):
        msg = f"{place}: the attributes promise {claimed} bytes of pixels, compressed to {packed}; damaged"
        raise FormatError(msg)


def _pixel_element(dataset: Any, place: str) -> tuple[int, int, str]:
    """Return where the value of the pixel data starts, its length in bytes and its value representation."""
    element = dataset.get_item(pixel_keyword(dataset, place))
    offset, length = getattr(element, "value_tell", None), getattr(element, "length", None)
    if offset is None or length is None or length == _UNDEFINED_LENGTH or element.value is None:
        msg = (
            f"{place}: the pixel data are encapsulated although the transfer syntax is native; it is damaged"
        )
        raise FormatError(msg)
    return int(offset), min(int(length), len(element.value)), str(element.VR)


def _with_signs(
    dataset: Any, words: npt.NDArray[Any], layout: PixelLayout
) -> tuple[npt.NDArray[Any], PixelLayout]:
    stored = int(dataset.get("BitsStored") or 0)
    high = dataset.get("HighBit")
    if layout.packed_bits or words.dtype.names or (high is not None and int(high) != stored - 1):
        return words, layout
    extended = sign_extended(words, stored)
    if extended is None:
        return words, layout
    return np.ascontiguousarray(extended), replace(layout, sign_bits=stored)
