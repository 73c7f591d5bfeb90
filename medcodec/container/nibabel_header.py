"""The nibabel header of a volume."""

from __future__ import annotations

import io
from typing import Any

from medcodec.container.header import Header
from medcodec.volume.model import SourceRecord
from medcodec.volume.nifti_header import header_kind

_HEADER_BLOBS = {"nifti": "head", "nifti_pair": "header"}
_KINDS = {"nifti1": "Nifti1Header", "nifti2": "Nifti2Header"}


def nibabel_header(header: Header, source: SourceRecord) -> Any:
    """Return the NIfTI header of the source, or one with shape, affine and dtype of another format's volume.

    Parameters
    ----------
    header
        Of the .medc file.
    source
        The record with the verbatim header.

    Returns
    -------
    nibabel.Nifti1Header or nibabel.Nifti2Header
    """
    import nibabel as nib  # noqa: PLC0415 (slow to import)

    data = source.blobs.get(_HEADER_BLOBS.get(source.format, ""), b"")
    kind = header_kind(data)
    if kind is not None and kind[0] in _KINDS:
        return getattr(nib, _KINDS[kind[0]]).from_fileobj(io.BytesIO(data), check=False)
    made: Any = nib.Nifti2Header()  # type: ignore[no-untyped-call]
    made.set_data_shape(header.shape)
    made.set_data_dtype(header.dtype)
    made.set_sform(header.affine, code="scanner")
    made.set_slope_inter(header.slope, header.intercept)
    return made
