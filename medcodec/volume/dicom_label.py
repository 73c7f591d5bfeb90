"""Labels that a DICOM image must carry once its pixels were changed by lossy compression."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.volume.dicom_file import parse_dataset
from medcodec.volume.dicom_pixels import PixelLayout, put_pixels
from medcodec.volume.dicom_values import integer, value_of
from medcodec.volume.lossy import LossyMark

METHOD = "MEDCODEC"
_DESCRIPTION_CHARACTERS = 1024
# Some files have elements of network messages, or of the file's head, among their attributes; none may.
_NOT_IN_FILES = (0, 2)
_MAMMOGRAPHY = (
    "1.2.840.10008.5.1.4.1.1.1.2",  # digital mammography, for presentation, and .1 for processing
    "1.2.840.10008.5.1.4.1.1.13.1.3",  # breast tomosynthesis
    "1.2.840.10008.5.1.4.1.1.13.1.4",  # breast projection, for presentation
    "1.2.840.10008.5.1.4.1.1.13.1.5",  # breast projection, for processing
)


def labelled(
    head: bytes, words: npt.NDArray[Any], tail: bytes, layout: PixelLayout, marks: Sequence[LossyMark]
) -> bytes:
    """Return a DICOM file that says how its pixels were changed.

    The file becomes a derived image with an instance UID of its own, which depends on nothing but its
    content: restoring twice gives the same file.

    Parameters
    ----------
    head, tail
        What was before and after the pixels of the original file.
    words, layout
        As for `put_pixels`. Values that left the range of the stored bits are brought back into it.
    marks
        What the pixels went through, the oldest first.
    """
    pixels = put_pixels(_within_stored_bits(words, layout, head, marks), layout)
    dataset = parse_dataset(head + pixels + tail)
    _add_compressions(dataset, marks)
    _set_derived(dataset)
    _describe(dataset, "; ".join(_sentence(mark) for mark in marks))
    _replace_instance(dataset, pixels)
    for tag in [tag for tag in dataset.keys() if tag.group in _NOT_IN_FILES]:  # noqa: SIM118
        del dataset[tag]
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=False)
    return file.getvalue()


def is_mammogram(head: bytes) -> bool:
    """Tell whether the head of a DICOM file is that of a mammogram."""
    dataset = parse_dataset(head, tags=["Modality", "SOPClassUID"])
    kind = str(value_of(dataset, "SOPClassUID") or "")
    return value_of(dataset, "Modality") == "MG" or kind.removesuffix(".1") in _MAMMOGRAPHY


def _within_stored_bits(
    words: npt.NDArray[Any], layout: PixelLayout, head: bytes, marks: Sequence[LossyMark]
) -> npt.NDArray[Any]:
    """Bring values that an error took over the greatest stored one back to it; readers would cut them off."""
    dataset = parse_dataset(head, tags=["BitsStored", "HighBit"])
    stored, high = integer(value_of(dataset, "BitsStored")), integer(value_of(dataset, "HighBit"))
    plain = words.dtype.kind == "u" and not layout.packed_bits and high == stored - 1
    if not plain or not 0 < stored < words.dtype.itemsize * 8 or not words.size:
        return words
    limit = (1 << stored) - 1
    bounds = [limit if mark.max_error is None else mark.max_error for mark in marks]
    # Greater values still are no errors: the high bits were in use.
    return np.minimum(words, np.array(limit, words.dtype)) if words.max() <= limit + sum(bounds) else words


def _add_compressions(dataset: Any, marks: Sequence[LossyMark]) -> None:
    ratios = _values(dataset, "LossyImageCompressionRatio")
    methods = _values(dataset, "LossyImageCompressionMethod")
    before = max(len(ratios), len(methods))
    # One of each per compression, in order, although older ones may not have been told.
    ratios += [""] * (before - len(ratios)) + [f"{mark.ratio:.6g}" for mark in marks]
    methods += [""] * (before - len(methods)) + [METHOD for _ in marks]
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = ratios
    dataset.LossyImageCompressionMethod = methods


def _set_derived(dataset: Any) -> None:
    dataset.ImageType = ["DERIVED", *(_values(dataset, "ImageType")[1:] or ["PRIMARY"])]
    frames = [*(value_of(dataset, "SharedFunctionalGroupsSequence") or ())]
    frames += value_of(dataset, "PerFrameFunctionalGroupsSequence") or ()
    for frame in frames:
        for element in frame:
            for item in element.value if element.VR == "SQ" else ():
                if "FrameType" in item:
                    item.FrameType = ["DERIVED", *_values(item, "FrameType")[1:]]


def _describe(dataset: Any, text: str) -> None:
    known = str(value_of(dataset, "DerivationDescription") or "")
    dataset.DerivationDescription = "; ".join(filter(None, (known, text)))[-_DESCRIPTION_CHARACTERS:]
    codes = list(value_of(dataset, "DerivationCodeSequence") or ())
    dataset.DerivationCodeSequence = [*codes, _code("113040", "Lossy Compression")]


def _replace_instance(dataset: Any, pixels: bytes) -> None:
    old = str(value_of(dataset, "SOPInstanceUID") or "")
    if old:
        original = _dataset(
            ReferencedSOPClassUID=value_of(dataset, "SOPClassUID"), ReferencedSOPInstanceUID=old
        )
        original.PurposeOfReferenceCodeSequence = [_code("121320", "Uncompressed predecessor")]
        known = list(value_of(dataset, "SourceImageSequence") or ())
        dataset.SourceImageSequence = [*known, original]
    content = hashlib.sha256(pixels).hexdigest() + str(dataset.DerivationDescription)
    dataset.SOPInstanceUID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{old} {content}').int}"
    if "MediaStorageSOPInstanceUID" in getattr(dataset, "file_meta", {}):
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _sentence(mark: LossyMark) -> str:
    import medcodec  # noqa: PLC0415 (for the version, which is known after this module)

    bound = (
        "lossy" if mark.max_error is None else f"no pixel off by more than {mark.max_error:g} stored units"
    )
    return f"medcodec {medcodec.__version__}, codec {mark.codec}: {bound}"


def _code(value: str, meaning: str) -> Any:
    return _dataset(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)


def _dataset(**attributes: Any) -> Any:
    from pydicom.dataset import Dataset  # noqa: PLC0415

    dataset = Dataset()
    for keyword, value in attributes.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def _values(dataset: Any, keyword: str) -> list[Any]:
    value = value_of(dataset, keyword)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | int | float) else list(value)
