"""torchio: lazy .medc images for version 2 (`register`), and a reader for version 1 (`read`).

Images are as torchio reads them from the original NIfTI file: channels first, scaled values, RAS affine.
Writing is not here: save as NIfTI, or give the array to `medcodec.compress`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from medcodec.errors import MissingDependencyError, UnsupportedDataError
from medcodec.integrations.extras import missing
from medcodec.integrations.nibabel_proxy import lazy_image
from medcodec.integrations.torch import decoding_threads, to_tensor

try:
    import torch
except ImportError as error:
    raise missing(error, extra="torch") from error

SUFFIX = ".medc"
BACKEND = "medcodec"


class MedcodecBackend:
    """A .medc file under torchio 2's ``ImageDataBackend`` protocol: slicing decodes only what it touches.

    Parameters
    ----------
    path
        The file, of three or four axes (or five of which the fourth has one voxel).
    affine
        Shape ``(4, 4)``, replaces that of the file.

    Raises
    ------
    UnsupportedDataError
        If it has another number of axes.
    MedcodecError
        If it is not a whole .medc file.
    """

    def __init__(self, path: str | os.PathLike[str], affine: Any = None) -> None:
        self._image = lazy_image(path, threads=decoding_threads())
        shape = self._image.shape
        if len(shape) not in {3, 4} and not (len(shape) == 5 and shape[3] == 1):
            msg = f"{os.fspath(path)}: torchio takes volumes of 3 or 4 axes, and this has shape {shape}"
            raise UnsupportedDataError(msg)
        self._affine = torch.as_tensor(self._image.affine if affine is None else affine, dtype=torch.float64)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Channels, and sizes of the spatial axes."""
        i, j, k, *channels = self._image.shape
        return (channels[-1] if channels else 1), i, j, k

    @property
    def affine(self) -> Any:
        """Voxel indices to RAS millimetres, a float64 tensor of shape ``(4, 4)``."""
        return self._affine

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored values."""
        dtype: np.dtype[Any] = self._image.dataobj.dtype
        return dtype

    def __getitem__(self, slices: Any) -> Any:
        c, i, j, k = _backends().normalize_index(slices)
        axes = len(self._image.shape)
        if axes == 3:
            return to_tensor(self._image.dataobj[i, j, k][None][c])
        key = (i, j, k, c) if axes == 4 else (i, j, k, 0, c)
        return to_tensor(np.moveaxis(self._image.dataobj[key], -1, 0))

    def to_tensor(self) -> Any:
        """Return all values, shape `shape`."""
        return self[...]


def register() -> None:
    """Make torchio 2 open .medc files as lazy images; again does no harm.

    Raises
    ------
    MissingDependencyError
        If torchio is missing or older than version 2; the text says what to do with version 1.
    """
    _backends().register_backend(BACKEND, _matches, _build)


def read(path: str | os.PathLike[str]) -> tuple[Any, np.ndarray[Any, Any]]:
    """Return the tensor ``(channels, i, j, k)`` and the affine: a ``reader`` for torchio 1 and 2.

    Raises
    ------
    MedcodecError
        If it is not a whole .medc file, or has not three or four axes.
    """
    backend = MedcodecBackend(path)
    data = backend._image.dataobj[...]
    channels = data[None] if data.ndim == 3 else np.moveaxis(data.reshape(*data.shape[:3], -1), -1, 0)
    return to_tensor(channels), backend.affine.numpy()


def _backends() -> Any:
    try:
        from torchio.data import backends  # noqa: PLC0415 (version 1, which has none, may be installed)
    except ImportError as error:
        msg = (
            f"torchio 2 is needed ({error}); install it with: pip install --pre 'torchio>=2.0.0a1', or give "
        )
        msg += "version 1 the reader: ScalarImage(path, reader=medcodec.integrations.torchio.read)"
        raise MissingDependencyError(msg) from error
    return backends


def _matches(request: Any) -> bool:
    return request.path is not None and Path(request.path).name.lower().endswith(SUFFIX)


def _build(request: Any) -> MedcodecBackend:
    return MedcodecBackend(request.path, request.affine)
