"""The lazy data of a nibabel image: an array proxy over the lazy reader, for nibabel, MONAI and torchio."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from nibabel.fileslice import canonical_slicers
from nibabel.nifti1 import Nifti1Image
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from nibabel.volumeutils import apply_read_scaling

import medcodec
from medcodec.container.reader import MedcFile
from medcodec.errors import IntegrityError

AnyArray = npt.NDArray[Any]


class MedcProxy:
    """Voxels of a .medc file under nibabel's proxy contract: indexing gives scaled values.

    Parameters
    ----------
    source
        The file, or a seekable binary file that is open.
    shape, dtype
        Of the stored voxels; a shape other than the file's is a view with the first axis fastest, any part
        of which decodes the whole file.
    slope, inter
        Scaled value = stored value * slope + inter.
    threads
        Of decoding; by default one per processor.
    """

    def __init__(
        self,
        source: Path | BinaryIO,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        slope: float,
        inter: float,
        *,
        threads: int | None = None,
    ) -> None:
        self._source = source
        self._shape = tuple(shape)
        self._dtype = dtype
        self._slope = slope
        self._inter = inter
        self._threads = threads
        self._file: MedcFile | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, source: Path | BinaryIO, file: MedcFile, *, threads: int | None = None) -> MedcProxy:
        """Return the proxy of a whole file that was opened from ``source``."""
        # A NIfTI file of one axis has two here.
        shape = file.header.get_data_shape() if file.shape[1:] == (1,) else file.shape
        return cls(source, shape, file.dtype, file.slope, file.intercept, threads=threads)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self._shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the stored values, in native byte order."""
        return self._dtype

    @property
    def slope(self) -> float:
        """Scaled value = stored value * slope + inter."""
        return self._slope

    @property
    def inter(self) -> float:
        """Scaled value = stored value * slope + inter."""
        return self._inter

    @property
    def is_proxy(self) -> bool:
        """True: this is no array."""
        return True

    def __getitem__(self, key: Any) -> AnyArray:
        return self._scaled(self._stored(key), None)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        if copy is False:
            msg = f"{self._source}: a coded volume cannot become an array without a copy"
            raise ValueError(msg)
        scaled = self.get_scaled(dtype)
        return scaled if dtype is None else scaled.astype(dtype, copy=False)

    def get_unscaled(self) -> AnyArray:
        """Return all stored values."""
        return self._stored(())

    def get_scaled(self, dtype: npt.DTypeLike | None = None) -> AnyArray:
        """Return all scaled values, in a dtype that is at least as wide as ``dtype``."""
        return self._scaled(self._stored(()), dtype)

    def reshape(self, shape: tuple[int, ...]) -> MedcProxy:
        """Return a proxy of another shape on the same data; one size may be -1.

        Raises
        ------
        ValueError
            If the sizes do not fit.
        """
        size, known = math.prod(self._shape), math.prod(part for part in shape if part != -1)
        if list(shape).count(-1) == 1 and known:
            shape = tuple(size // known if part == -1 else part for part in shape)
        if math.prod(shape) != size or -1 in shape:
            msg = f"cannot reshape data of shape {self._shape} into {shape}"
            raise ValueError(msg)
        factors = self._slope, self._inter
        return MedcProxy(self._source, shape, self._dtype, *factors, threads=self._threads)

    def close(self) -> None:
        """Close the file and forget what was decoded; the next access opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_file", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _file=None, _lock=threading.Lock())

    def _stored(self, key: Any) -> AnyArray:
        slicers = canonical_slicers(key, self._shape)  # type: ignore[no-untyped-call]
        file = self._open()
        if file.shape == self._shape:
            found = np.asarray(file[tuple(part for part in slicers if part is not None)])
            # What is left of the index are the new axes.
            left = (part if part is None else slice(None) for part in slicers if part is None or _kept(part))
            return np.asarray(found[tuple(left)])
        whole: AnyArray = np.asarray(file).reshape(self._shape, order="F")
        return np.asarray(whole[slicers])

    def _open(self) -> MedcFile:
        with self._lock:
            if self._file is None:
                file = medcodec.open(self._source, threads=self._threads)
                if file.size != math.prod(self._shape) or file.dtype != self._dtype:
                    msg = f"{file.name}: was replaced by a file of shape {file.shape} and dtype {file.dtype} "
                    msg += f"after its image of {self._shape} and {self._dtype} was loaded; load it again"
                    file.close()
                    raise IntegrityError(msg)
                self._file = file
            return self._file

    def _scaled(self, stored: AnyArray, dtype: npt.DTypeLike | None) -> AnyArray:
        factors = np.float64(self._slope), np.float64(self._inter)
        scaled: AnyArray = apply_read_scaling(stored, *factors)
        if dtype is None:
            return scaled
        return scaled.astype(np.promote_types(scaled.dtype, dtype), copy=False)


def _kept(part: Any) -> bool:
    return isinstance(part, slice)


def lazy_image(path: str | os.PathLike[str], *, threads: int | None = None) -> Any:
    """Return a .medc file as a NIfTI image with the header of its source; no voxel is decoded yet.

    Unlike ``nibabel.load`` this needs nothing registered, and gives nibabel's own image classes.

    Parameters
    ----------
    path
        The file.
    threads
        Of decoding; by default one per processor.

    Raises
    ------
    MedcodecError
        If it is not a whole .medc file.
    """
    source = Path(path).absolute()
    with medcodec.open(source, threads=threads) as file:
        header, affine = file.header, file.affine
        proxy = MedcProxy.of(source, file, threads=threads)
    kind: Any = Nifti2Image if isinstance(header, Nifti2Header) else Nifti1Image
    return with_header(kind, proxy, header, affine)


def with_header(kind: Any, proxy: MedcProxy, header: Any, affine: AnyArray, **options: Any) -> Any:
    """Return an image of class ``kind`` whose header is as it was in the source file."""
    # Without an affine, so that the header passes through as it is.
    image = kind(proxy, None, header, **options)
    image._affine = affine
    return image
