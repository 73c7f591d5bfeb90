"""MONAI (1.5 and 1.6): read, write, crop while reading, and train or test under compression.

After `register()`, plain ``LoadImage``, ``LoadImaged`` and ``SaveImage(output_ext=".medc")`` know .medc
files. Reading gives what MONAI's ``NibabelReader`` gives for the original NIfTI file; its reading to a GPU is
not here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import medcodec
from medcodec.errors import OptionError
from medcodec.integrations.extras import missing
from medcodec.integrations.monai_roundtrip import (
    CompressRoundTrip,
    CompressRoundTripd,
    RandCompressRoundTripd,
)
from medcodec.integrations.nibabel_proxy import lazy_image

try:
    from monai.data import MetaTensor, NibabelReader, NibabelWriter, get_track_meta, image_writer
    from monai.data.utils import correct_nifti_header_if_necessary, is_no_channel, to_affine_nd
    from monai.transforms import EnsureChannelFirst, MapTransform, Randomizable
    from monai.transforms.io import array as loading
    from monai.utils import convert_to_tensor, ensure_tuple
    from torch import empty
    from torch.utils.data import get_worker_info
except ImportError as error:
    raise missing(error, extra="monai") from error

__all__ = [
    "CompressRoundTrip",
    "CompressRoundTripd",
    "LoadCropd",
    "MedcodecReader",
    "MedcodecWriter",
    "RandCompressRoundTripd",
    "register",
]

SUFFIX = "medc"


class MedcodecReader(NibabelReader):
    """Read .medc files; arrays and metadata are those of `NibabelReader` for the original.

    Parameters
    ----------
    channel_dim, as_closest_canonical, squeeze_non_spatial_dims
        As for ``NibabelReader``.
    threads
        Of decoding; by default one in a worker of a ``DataLoader``, and one per processor elsewhere.
    """

    def __init__(
        self,
        channel_dim: str | int | None = None,
        as_closest_canonical: bool = False,
        squeeze_non_spatial_dims: bool = False,
        *,
        threads: int | None = None,
    ) -> None:
        super().__init__(channel_dim, as_closest_canonical, squeeze_non_spatial_dims)
        self.threads = threads

    def verify_suffix(self, filename: Any) -> bool:
        """Tell whether all names end with .medc."""
        return all(os.fspath(name).lower().endswith(f".{SUFFIX}") for name in ensure_tuple(filename))

    def read(self, data: Any, **options: Any) -> Any:
        """Return one lazy nibabel image per file; several are stacked as channels by ``get_data``.

        Raises
        ------
        MedcodecError
            If a file is not a whole .medc file.
        """
        threads = options.get("threads", self.threads)
        if threads is None and get_worker_info() is not None:
            threads = 1
        self.filenames = ensure_tuple(data)
        images = [
            correct_nifti_header_if_necessary(lazy_image(name, threads=threads)) for name in self.filenames
        ]
        return images if len(images) > 1 else images[0]


class MedcodecWriter(NibabelWriter):
    """Write .medc files that hold the NIfTI file which `NibabelWriter` would write.

    Parameters
    ----------
    output_dtype
        Of the stored voxels; choose a whole-number one for labels.
    codec, effort, max_error, threads
        As for `medcodec.compress`; through ``SaveImage(...).set_options(init_kwargs={"effort": "fastest"})``.
    options
        Passed to ``NibabelWriter``.
    """

    def __init__(
        self,
        output_dtype: Any = np.float32,
        *,
        codec: Any = "adaptive",
        effort: str | None = None,
        max_error: float | str | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(output_dtype=output_dtype, **options)
        self._coding = {"codec": codec, "effort": effort, "max_error": max_error, "threads": threads}

    def write(self, filename: Any, verbose: bool = False, **options: Any) -> None:
        """Compress what was set into ``filename``; a file that exists is replaced, as by MONAI's writers.

        Raises
        ------
        MedcodecError
            If the voxels cannot be coded or the file cannot be written.
        """
        image_writer.ImageWriter.write(self, filename, verbose=verbose)
        image = self.create_backend_obj(self.data_obj, affine=self.affine, dtype=self.output_dtype, **options)
        affine = np.eye(4) if self.affine is None else np.asarray(self.affine)
        affine = to_affine_nd(r=3, affine=affine)
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1)
        medcodec.compress(image, filename, overwrite=True, **self._coding)


def register() -> None:
    """Make MONAI's own loading and saving transforms know .medc files; again does no harm."""
    loading.SUPPORTED_READERS["medcodecreader"] = MedcodecReader
    if not image_writer.SUPPORTED_WRITERS:
        image_writer.init()
    if MedcodecWriter not in image_writer.SUPPORTED_WRITERS.get(SUFFIX, ()):
        image_writer.register_writer(SUFFIX, MedcodecWriter)


class LoadCropd(MapTransform, Randomizable):
    """Load only the part of each file that a cropping transform of MONAI keeps.

    The cropper is called with images that have shape and metadata but no voxels, and what it cuts out is then
    read: the result is that of ``LoadImaged``, ``EnsureChannelFirstd`` and the cropper in turn, and only the
    groups that the crop touches are decoded. A cropper that gives several samples gives a list here too, so
    that this can be the ``patch_func`` of ``PatchDataset``.

    Parameters
    ----------
    keys
        Of the .medc files.
    cropper
        A dictionary transform that only crops: ``SpatialCropd``, ``CenterSpatialCropd``,
        ``RandSpatialCropd``, ``RandSpatialCropSamplesd``; also ``RandCropByPosNegLabeld`` if its label was
        loaded before and is not among ``keys``.
    dtype
        Of the images; None keeps that of the scaled voxels.
    reader
        By default a `MedcodecReader`.
    allow_missing_keys
        Whether keys may be absent.

    Raises
    ------
    OptionError
        If the cropper did more than crop, or metadata are not tracked.
    """

    def __init__(
        self,
        keys: Any,
        cropper: Callable[[dict[str, Any]], Any],
        *,
        dtype: Any = np.float32,
        reader: MedcodecReader | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.cropper = cropper
        self.dtype = dtype
        self.reader = _HeaderReader() if reader is None else _HeaderReader.like(reader)

    def set_random_state(self, seed: int | None = None, state: Any = None) -> LoadCropd:
        """Seed the cropper, where it is a random one."""
        super().set_random_state(seed, state)
        if isinstance(self.cropper, Randomizable):
            self.cropper.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """Return ``data`` with each key's path replaced by the crop; a list if the cropper gives one."""
        items = dict(data)
        images = {}
        for key in self.key_iterator(items):
            images[key] = self.reader.read(items[key])
            items[key] = self._without_voxels(images[key], items[key])
        cropped = self.cropper(items)
        for item in cropped if isinstance(cropped, Sequence) else [cropped]:
            for key, image in images.items():
                item[key] = self._read(image, item[key])
        return cropped

    def _without_voxels(self, image: Any, path: Any) -> Any:
        _, meta = self.reader.get_data(image)
        meta = loading.switch_endianness(meta, "<")
        meta["filename_or_obj"] = os.fspath(path)
        if not get_track_meta():
            msg = "LoadCropd needs MONAI's metadata; call monai.data.set_track_meta(True)"
            raise OptionError(msg)
        phantom = empty(image.dataobj.shape, device="meta")
        phantom = MetaTensor.ensure_torch_and_prune_meta(phantom, meta)
        return EnsureChannelFirst()(phantom)

    def _read(self, image: Any, phantom: Any) -> Any:
        channel_dim = phantom.meta["original_channel_dim"]
        first = is_no_channel(channel_dim)
        key = _crop_of(phantom)
        voxels = image.dataobj[key if first else (*key, slice(None))]
        voxels = voxels[None] if first else np.moveaxis(voxels, -1, 0)
        if voxels.shape != phantom.shape:
            msg = f"{phantom.meta['filename_or_obj']}: the cropper turned {image.dataobj.shape} into "
            msg += f"{tuple(phantom.shape)}, which is more than a crop; pad or resize after LoadCropd"
            raise OptionError(msg)
        voxels = voxels if self.dtype is None else voxels.astype(self.dtype, copy=False)
        tensor = convert_to_tensor(np.ascontiguousarray(voxels))
        return MetaTensor(tensor).copy_meta_from(phantom)


class _HeaderReader(MedcodecReader):
    """Give the metadata without the voxels."""

    @classmethod
    def like(cls, reader: MedcodecReader) -> _HeaderReader:
        made = cls()
        made.__dict__.update(vars(reader))
        return made

    def _get_array_data(self, img: Any, filename: Any) -> Any:
        del filename
        return np.broadcast_to(np.uint8(0), img.dataobj.shape)


def _crop_of(phantom: Any) -> tuple[slice, ...]:
    """Return where a cropped image lies in the whole one, along its spatial axes."""
    starts = [0] * (phantom.ndim - 1)
    for operation in phantom.applied_operations:
        found = operation
        while "cropped" not in found and isinstance(found.get("extra_info"), Mapping):
            found = found["extra_info"]
        if "cropped" not in found:
            msg = f"{operation['class']} does more than crop; apply it after LoadCropd"
            raise OptionError(msg)
        starts = [start + cut for start, cut in zip(starts, found["cropped"][::2], strict=True)]
    return tuple(slice(start, start + size) for start, size in zip(starts, phantom.shape[1:], strict=True))
