"""Scaled, lazy voxels as nibabel reads them from the original file: what MONAI and torchio get."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from nibabel.volumeutils import apply_read_scaling

import medcodec
from medcodec.container.reader import MedcFile


class LazyVoxels:
    """The voxels of an open .medc file under nibabel's proxy contract: indexing gives scaled values.

    Parameters
    ----------
    file
        Indexing decodes the groups that are touched.
    """

    is_proxy = True

    def __init__(self, file: MedcFile) -> None:
        self.file = file
        self.shape = file.shape
        self.ndim = file.ndim
        self.dtype = file.dtype

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        slope, intercept = np.float64(self.file.slope), np.float64(self.file.intercept)
        scaled: npt.NDArray[Any] = apply_read_scaling(np.asarray(self.file[key]), slope, intercept)
        return scaled

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            msg = f"{self.file.name}: a coded volume cannot become an array without a copy"
            raise ValueError(msg)
        voxels = self[...]
        return voxels if dtype is None else voxels.astype(dtype, copy=False)


def lazy_image(path: str | os.PathLike[str], *, threads: int | None = None) -> Any:
    """Return a .medc file as a nibabel image with the header of its source; no voxel is decoded yet.

    Parameters
    ----------
    path
        The file; it stays open as long as the image is in use.
    threads
        Of decoding; by default one per processor.

    Raises
    ------
    MedcodecError
        If it is not a whole .medc file.
    """
    file = medcodec.open(path, threads=threads)
    header = file.header
    kind: Any = Nifti2Image if isinstance(header, Nifti2Header) else Nifti1Image
    # Without an affine, so that the header passes through as it is.
    image = kind(LazyVoxels(file), None, header)
    image._affine = file.affine
    return image
