"""Writing a volume in another format than it came from, where that loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from medcodec import volume as volumes
from medcodec.errors import UnsupportedDataError
from medcodec.volume.model import Volume


def for_destination(volume: Volume, destination: Path) -> Volume:
    """Return the volume as one of the format that the destination's name asks for.

    NIfTI and NumPy can be asked for; voxels, affine and scaling are kept exactly, other header fields are
    not. A name of the source's own format, or of no format, leaves the volume as it is.

    Raises
    ------
    UnsupportedDataError
        If the format cannot hold the volume exactly.
    """
    name = destination.name.lower().removesuffix(".gz").removesuffix(".zst")
    if name.endswith(volumes.formats.get(volume.source.format).suffixes):
        return volume
    if name.endswith(".npy"):
        return volumes.from_array(volume.voxels)
    if name.endswith(".nii"):
        return _as_nifti(volume, destination)
    return volume


def _as_nifti(volume: Volume, destination: Path) -> Volume:
    import nibabel as nib  # noqa: PLC0415 (slow to import)

    try:
        image: Any = nib.Nifti1Image(volume.voxels, volume.affine)  # type: ignore[no-untyped-call]
        image.header.set_data_dtype(volume.voxels.dtype)
        data = bytearray(image.to_bytes())
    except (nib.spatialimages.HeaderDataError, ValueError, TypeError) as error:
        msg = f"{destination}: NIfTI cannot hold this {volume.source.format} scan ({error}); restore it as is"
        raise UnsupportedDataError(msg) from error
    data[112:120] = np.array([volume.slope, volume.intercept], "<f4").tobytes()
    made = volumes.read_bytes(bytes(data), place=str(destination))
    kept = (made.slope, made.intercept) == (volume.slope, volume.intercept)
    if not kept or not np.array_equal(made.affine, volume.affine) or made.voxels.dtype != volume.voxels.dtype:
        msg = f"{destination}: NIfTI cannot hold the affine, scaling or dtype of this scan exactly; "
        msg += f"restore it as {volume.source.format} and convert that"
        raise UnsupportedDataError(msg)
    return made
