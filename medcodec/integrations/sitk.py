"""SimpleITK: read and write .medc files as ``SimpleITK.Image``.

A file that was made from a format that SimpleITK reads gives the very image that SimpleITK reads from the
original: it is restored to a temporary folder and read there, so that geometry, scaling, component types and
metadata follow SimpleITK's own rules. All of the file is decoded; use `medcodec.open` for parts.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import medcodec
from medcodec import volume as volumes
from medcodec.api import Compressed, load_volume
from medcodec.errors import MissingDependencyError, UnsupportedDataError
from medcodec.volume.guard import guarded
from medcodec.volume.model import Volume

_SUFFIXES = {"nifti": ".nii", "nifti_pair": ".img", "nrrd": ".nrrd", "metaimage": ".mha", "dicom": ".dcm"}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def read(path: str | os.PathLike[str], *, threads: int | None = None) -> Any:
    """Return the image in a .medc file.

    Parameters
    ----------
    path
        The file.
    threads
        By default one per processor.

    Returns
    -------
    SimpleITK.Image
        As SimpleITK reads the original file or DICOM series. For formats that SimpleITK does not read
        (NumPy, MGH), scaled voxels with origin, spacing and direction of the affine.

    Raises
    ------
    MissingDependencyError
        Without SimpleITK.
    MedcodecError
        If the file is damaged, or SimpleITK refuses what was in it.
    """
    sitk = _simpleitk()
    volume = load_volume(path, threads=threads)
    if volume.source.format not in _SUFFIXES:
        return _from_affine(volume, sitk, os.fspath(path))
    with tempfile.TemporaryDirectory(prefix="medcodec-") as folder:
        files = volumes.write(volume, Path(folder) / f"scan{_SUFFIXES[volume.source.format]}")
        try:
            if len(files) > 1 and volume.source.format == "dicom":
                return sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(files[0].parent)))
            return sitk.ReadImage(str(files[0]))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            msg = f"{os.fspath(path)}: SimpleITK does not read this {volume.source.format} file ({reason}); "
            msg += "take voxels and affine from medcodec.open"
            raise UnsupportedDataError(msg) from error


def write(image: Any, path: str | os.PathLike[str], **options: Any) -> Compressed:
    """Write a SimpleITK image of any dimension and component type as .medc; `read` gives the same image.

    Parameters
    ----------
    image
        A ``SimpleITK.Image``. It is kept as the MetaImage file that SimpleITK writes of it (NRRD for complex
        components), which is what ``medcodec decompress`` restores.
    path
        The .medc file.
    options
        Of `medcodec.compress`.

    Raises
    ------
    MissingDependencyError
        Without SimpleITK.
    MedcodecError
        If the image cannot be held or the file cannot be written.
    """
    sitk = _simpleitk()
    suffix = ".nrrd" if "complex" in image.GetPixelIDTypeAsString() else ".mha"
    with tempfile.TemporaryDirectory(prefix="medcodec-") as folder:
        file = Path(folder) / f"{Path(path).stem}{suffix}"
        with guarded(os.fspath(path), "write it with SimpleITK"):
            sitk.WriteImage(image, str(file), useCompression=False)
        return medcodec.compress(file, path, **options)


def _simpleitk() -> Any:
    try:
        import SimpleITK  # noqa: PLC0415
    except ImportError as error:
        msg = "reading and writing SimpleITK images needs SimpleITK: pip install 'medcodec[itk]'"
        raise MissingDependencyError(msg) from error
    return SimpleITK


def _from_affine(volume: Volume, sitk: Any, place: str) -> Any:
    voxels, axes = volume.voxels, volume.voxels.ndim
    if not 2 <= axes <= 4 or voxels.dtype.names:
        msg = f"{place}: {volume.source.format} voxels of shape {voxels.shape} and dtype {voxels.dtype} "
        msg += "make no SimpleITK image; take the array from medcodec.open"
        raise UnsupportedDataError(msg)
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        voxels = voxels * volume.slope + volume.intercept
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T), isVector=False)
    linear, origin = _RAS_TO_LPS @ volume.affine[:3, :3], _RAS_TO_LPS @ volume.affine[:3, 3]
    spacing, direction, start = np.ones(axes), np.eye(axes), np.zeros(axes)
    space = min(axes, 3)
    spacing[:space] = np.linalg.norm(linear, axis=0)[:space]
    direction[:space, :space] = (linear / np.linalg.norm(linear, axis=0))[:space, :space]
    start[:space] = origin[:space]
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(start.tolist())
    return image
