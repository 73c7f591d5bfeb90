"""What users may compress (files, folders, arrays, images), and what results are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from medcodec import volume as volumes
from medcodec.container.salvage import Salvaged
from medcodec.errors import OptionError
from medcodec.volume import ScanSource
from medcodec.volume.formats import stem
from medcodec.volume.model import Volume

SUFFIX = ".medc"


class NibabelImage(Protocol):
    """The part of a nibabel image that is used."""

    dataobj: Any
    affine: Any
    header: Any

    def get_filename(self) -> str | None:
        """Return where the image was read from."""

    def to_bytes(self) -> bytes:
        """Return the image as a file."""


Source = str | os.PathLike[str] | ScanSource | Volume | npt.NDArray[Any] | NibabelImage


def to_volume(source: Source) -> Volume:
    """Return the volume in a file, folder, array or nibabel image.

    Raises
    ------
    MedcodecError
        If it cannot be read.
    OptionError
        If it is something else.
    """
    if isinstance(source, Volume):
        return source
    if isinstance(source, ScanSource):
        return source.read()
    if isinstance(source, np.ndarray):
        return volumes.from_array(source)
    if hasattr(source, "to_bytes") and hasattr(source, "dataobj"):
        return _from_nibabel(source)
    msg = f"cannot compress a {type(source).__name__}; give a path, an array, a Volume or a nibabel image"
    raise OptionError(msg)


def _from_nibabel(image: Any) -> Volume:
    path = image.get_filename()
    if path and not image.in_memory and Path(path).exists():
        return volumes.read(Path(path))
    voxels = np.asanyarray(image.dataobj)
    image = type(image)(voxels, image.affine, image.header)
    image.set_data_dtype(voxels.dtype)
    return volumes.read_bytes(image.to_bytes(), place=str(path or "nibabel image"))


def found(source: Source) -> Source:
    """Return the one scan that a path leads to; anything else as it is.

    Raises
    ------
    MedcodecError
        If there is no scan, or several.
    """
    if not isinstance(source, str | os.PathLike):
        return source
    scans = volumes.find_scans(Path(source))
    if len(scans) > 1:
        msg = f"{os.fspath(source)}: holds {len(scans)} scans; compress them into a folder, or name one"
        raise OptionError(msg)
    return scans[0]


def source_bytes(source: Any) -> int:
    """Return the size of a file, given by its path or open."""
    if isinstance(source, str | os.PathLike):
        return Path(source).stat().st_size
    return int(source.seek(0, os.SEEK_END))


def default_destination(source: Source) -> Path:
    """Return ``scan.medc`` for ``scan.nii.gz``, and ``folder.medc`` for a DICOM series in a folder."""
    if not isinstance(source, str | os.PathLike):
        msg = "name a destination for data in memory"
        raise OptionError(msg)
    path = Path(source)
    return path.with_name((path.name if path.is_dir() else stem(path.name)) + SUFFIX)


def default_restored(
    source: str | os.PathLike[str] | BinaryIO, volume: Volume, *, reduced: bool = False
) -> Path:
    """Return ``scan.nii`` for a ``scan.medc`` that holds NIfTI, ``scan.reduced.nii`` if it is smaller."""
    if not isinstance(source, str | os.PathLike):
        msg = "name a destination, as the input has no name"
        raise OptionError(msg)
    path = Path(source)
    known = volumes.formats.get(volume.source.format)
    name = path.name.removesuffix(SUFFIX)
    if name == path.name:
        name += ".restored"
    if reduced:
        name += ".reduced"
    return path.with_name(name + ("" if known.is_folder(volume) else known.suffixes[0]))


def restorable(salvaged: Salvaged) -> Volume:
    """Return a salvaged volume that can be written: as an array, if its source's header is lost."""
    volume = salvaged.volume
    if not salvaged.source_lost:
        return volume
    return volumes.from_array(
        volume.voxels, affine=volume.affine, slope=volume.slope, intercept=volume.intercept
    )
