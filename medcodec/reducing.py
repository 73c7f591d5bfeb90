"""Volumes made smaller by a codec, as NIfTI files: with the spacing, affine and times that they have then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import volume as volumes
from medcodec.container.lossy import with_mark
from medcodec.container.reader import MedcFile
from medcodec.container.reduced import Reduction
from medcodec.errors import UnsupportedDataError
from medcodec.volume.lossy import KEY
from medcodec.volume.model import Volume

# Where slope and intercept stand, and as what: NIfTI-1, NIfTI-2.
_SCALING = ((112, "<f4"), (176, "<f8"))


def reduced_volume(file: MedcFile, *, scale: int, every: int) -> Volume:
    """Return a smaller volume, ready to be written as a NIfTI file.

    Parameters
    ----------
    file
        Its codec must be able to leave out parts.
    scale, every
        See `MedcFile.reduced`.

    Raises
    ------
    OptionError
        If the codec cannot do it, or a number is out of range.
    UnsupportedDataError
        If NIfTI cannot hold such voxels.
    FormatError, IntegrityError
        If a group is damaged.
    """
    import nibabel as nib  # noqa: PLC0415 (slow to import)

    voxels = file.reduced(scale=scale, every=every)
    try:
        data = _nifti(file, voxels, Reduction(scale, every))
    except (nib.spatialimages.HeaderDataError, ValueError, TypeError) as error:
        msg = f"{file.name}: NIfTI cannot hold the smaller volume ({error}); use MedcFile.reduced in Python"
        raise UnsupportedDataError(msg) from error
    made = volumes.read_bytes(data, place=file.name)
    source = with_mark(file.read_source(), file.info, file.file_bytes)
    marks = {KEY: source.meta[KEY]} if KEY in source.meta else {}
    return replace(made, source=replace(made.source, meta={**made.source.meta, **marks}))


def _nifti(file: MedcFile, voxels: npt.NDArray[Any], reduction: Reduction) -> bytes:
    import nibabel as nib  # noqa: PLC0415 (slow to import)

    given: Any = file.header
    wide = isinstance(given, nib.Nifti2Header)
    make: Any = nib.Nifti2Image if wide else nib.Nifti1Image
    header = make.header_class.from_header(given).as_byteswapped("<")
    # Rounded as the header will have it, so that both forms of the affine are the same.
    affine = (
        reduction.affine(file.info.layout, file.affine).astype("<f8" if wide else "<f4").astype(np.float64)
    )
    image = make(voxels, affine, header)
    image.header.set_data_dtype(voxels.dtype)
    image.header.extensions.clear()
    image.set_sform(affine, code=int(header["sform_code"]) or "scanner")
    image.set_qform(affine, code=int(header["qform_code"]))
    factors = reduction.factors(file.info.layout)
    zooms = image.header.get_zooms()
    times = [zoom * factor for zoom, factor in zip(zooms[3:], factors[3:], strict=False)]
    image.header.set_zooms((*zooms[:3], *times))
    data = bytearray(image.to_bytes())
    at, kind = _SCALING[wide]
    scaling = np.array([file.slope, file.intercept], kind).tobytes()
    data[at : at + len(scaling)] = scaling
    return bytes(data)
