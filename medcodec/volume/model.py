"""What a scan is: stored voxels, geometry, and everything needed to write the source file again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SourceRecord:
    """What a format needs, besides the voxels, to restore its file or files.

    Parameters
    ----------
    format
        Name of the format in `medcodec.volume.formats` ("nifti", "dicom", "nrrd", ...).
    meta
        Small JSON-able facts (byte order, file names, flags).
    blobs
        Verbatim bytes by name (header, trailing bytes, DICOM data sets without pixels).
    """

    format: str
    meta: dict[str, Any] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Volume:
    """A scan as stored.

    Parameters
    ----------
    voxels
        Stored (unscaled) values, shape ``(i, j, k, ...)`` with 2 to 5 axes as nibabel gives them, native
        byte order; any integer, float or complex dtype, or RGB(A) as a structured ``uint8`` dtype.
    affine
        Shape ``(4, 4)``, float64: voxel indices to RAS millimetres.
    slope, intercept
        Scaled value = stored value * slope + intercept.
    source
        How to write the original file again.
    """

    voxels: npt.NDArray[Any]
    affine: npt.NDArray[np.float64]
    slope: float
    intercept: float
    source: SourceRecord
