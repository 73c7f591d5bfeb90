"""nibabel: ``nib.load("scan.medc")`` and ``nib.save(image, "scan.medc")``, once this module was imported.

Images behave as those of the NIfTI file that was compressed, and their data are read lazily: a slice decodes
the groups that it touches. What is not there: memory mapping, and ``.medc`` files compressed once more.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
from nibabel import imageclasses

import medcodec
from medcodec.container.layout import MAGIC
from medcodec.integrations.nibabel_proxy import MedcProxy, with_header
from medcodec.volume import read_bytes

SUFFIX = ".medc"
_MMAP_MODES = (True, False, "c", "r")


class _Medc:
    """What the image classes of both NIfTI versions have in common."""

    files_types: ClassVar[tuple[tuple[str, str], ...]] = (("image", SUFFIX),)
    valid_exts: ClassVar[tuple[str, ...]] = (SUFFIX,)
    _compressed_suffixes: ClassVar[tuple[str, ...]] = ()
    _plain_class: ClassVar[Any]

    @classmethod
    def path_maybe_image(
        cls, filename: Any, sniff: Any = None, sniff_max: int = 1024
    ) -> tuple[bool, tuple[bytes, str] | None]:
        """Tell by name and magic number whether nibabel should load a file with this class."""
        if not os.fspath(filename).lower().endswith(cls.valid_exts):
            return False, sniff
        sniff = cls._sniff_meta_for(filename, max(len(MAGIC), sniff_max), sniff)  # type: ignore[attr-defined]
        return sniff is not None and sniff[0].startswith(MAGIC), sniff

    @classmethod
    def from_file_map(cls, file_map: Any, *, mmap: Any = True, keep_file_open: Any = None) -> Any:
        """Return the image in a .medc file; its data are not read yet.

        Parameters
        ----------
        file_map
            nibabel's mapping with the file's name or the open file under "image".
        mmap, keep_file_open
            As for other images of nibabel; there is nothing to map, and the file is opened by the first
            access and closed by ``uncache``.

        Raises
        ------
        MedcodecError
            If it is not a whole .medc file.
        """
        del keep_file_open
        if mmap not in _MMAP_MODES:
            msg = f"mmap is {mmap!r}; it should be one of {_MMAP_MODES}"
            raise ValueError(msg)
        holder = file_map["image"]
        source = holder.fileobj if holder.fileobj is not None else Path(holder.filename).absolute()
        with medcodec.open(source) as file:
            header, affine = file.header, file.affine
            proxy = MedcProxy.of(source, file)
        kind: Any = Medc2Image if isinstance(header, nib.Nifti2Header) else MedcImage
        return with_header(kind, proxy, header, affine, file_map=file_map)

    @classmethod
    def from_image(cls, image: Any) -> Any:
        """Return any image of nibabel as one that is saved as .medc, keeping its NIfTI version."""
        if isinstance(image, nib.Nifti2Image) and cls is MedcImage:
            return Medc2Image.from_image(image)
        return super().from_image(image)  # type: ignore[misc]

    def to_file_map(self: Any, file_map: Any = None, dtype: Any = None, **options: Any) -> None:
        """Write the image as .medc, holding the NIfTI file that nibabel would write.

        Data that were loaded and not replaced are kept as stored, with their scaling: unlike a NIfTI file,
        which nibabel scales anew, they lose nothing.

        Parameters
        ----------
        file_map
            nibabel's mapping; by default the image's own.
        dtype
            Of the stored values, as for other images.
        options
            Of `medcodec.compress`.

        Raises
        ------
        MedcodecError
            If the voxels cannot be coded or the file cannot be written.
        """
        file_map = self.file_map if file_map is None else file_map
        holder = file_map["image"]
        volume = read_bytes(self._nifti_bytes(dtype), place=str(holder.filename or "image"))
        if holder.fileobj is None:
            medcodec.compress(volume, holder.filename, **{"overwrite": True, **options})
        else:
            medcodec.compress(volume, holder.get_prepare_fileobj(mode="wb"), **options)
        self.file_map = file_map

    def uncache(self: Any) -> None:
        """Forget data that were read, and close the file until they are read again."""
        super().uncache()  # type: ignore[misc]
        if isinstance(self.dataobj, MedcProxy):
            self.dataobj.close()

    def _nifti_bytes(self: Any, dtype: Any) -> bytes:
        asked = self.get_data_dtype()
        try:
            stored = self.get_data_dtype(finalize=True)
            self.update_header()
            image, scaling = self._plain_class(self.dataobj, self.affine, self.header), _scaling(self.header)
            if dtype is None and scaling is None and _as_stored(self.dataobj, stored):
                scaling = self.dataobj.slope, self.dataobj.inter
                image = self._plain_class(self.dataobj.get_unscaled(), self.affine, self.header)
            if scaling is not None:
                image.header.set_slope_inter(*scaling)
            data: bytes = image.to_bytes(dtype=dtype)
        finally:
            self.set_data_dtype(asked)
        return data


class MedcImage(_Medc, nib.Nifti1Image):  # type: ignore[misc]
    """A .medc file with a NIfTI-1 header, or none of NIfTI: loading gives a `Medc2Image` where needed."""

    _plain_class = nib.Nifti1Image


class Medc2Image(_Medc, nib.Nifti2Image):  # type: ignore[misc]
    """A .medc file with a NIfTI-2 header: that of the source, or one made for a source of another format."""

    _plain_class = nib.Nifti2Image


def register() -> None:
    """Make ``nibabel.load`` and ``nibabel.save`` know .medc files; importing this module does it already."""
    if MedcImage not in imageclasses.all_image_classes:
        imageclasses.all_image_classes.append(MedcImage)
    missing = [kind for kind in (MedcImage, Medc2Image) if kind not in imageclasses.KNOWN_SPATIAL_FIRST]
    imageclasses.KNOWN_SPATIAL_FIRST += tuple(missing)


def _scaling(header: Any) -> tuple[float, float] | None:
    """Return the scaling that a user put into the header; nibabel clears that of a file."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    return None if np.isnan(slope) and np.isnan(intercept) else (slope, intercept)


def _as_stored(data: Any, dtype: Any) -> bool:
    if not all(hasattr(data, name) for name in ("is_proxy", "get_unscaled", "slope", "inter")):
        return False
    return bool(data.dtype.newbyteorder("=") == np.dtype(dtype).newbyteorder("="))


register()
