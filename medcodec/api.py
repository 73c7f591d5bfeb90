"""Compress, decompress, open, verify: what users call."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medcodec import volume as volumes
from medcodec.codecs.base import Codec
from medcodec.codecs.registry import load_codec, make_codec
from medcodec.container.atomic import check_destination, write_atomically
from medcodec.container.choice import choose_layout
from medcodec.container.header import CodecIdentity
from medcodec.container.reader import MedcFile
from medcodec.container.restore import read_volume
from medcodec.container.writer import Progress, Written, write_stream
from medcodec.errors import OptionError
from medcodec.options import stored_max_error
from medcodec.volume.frames import FrameLayout, Grid
from medcodec.volume.model import Volume

Source = str | os.PathLike[str] | Volume | npt.NDArray[Any]
SUFFIX = ".medc"


@dataclass(frozen=True)
class Compressed:
    """What `compress` did.

    Parameters
    ----------
    destination
        The file written; None for an open file.
    voxels
        Number of voxels.
    voxel_bytes
        Their size as stored in memory.
    source_bytes
        Size of the input files; None for data in memory.
    file_bytes
        Size of the result.
    groups
        How many boxes it is made of.
    seconds
        Wall time.
    """

    destination: Path | None
    voxels: int
    voxel_bytes: int
    source_bytes: int | None
    file_bytes: int
    groups: int
    seconds: float

    @property
    def bits_per_voxel(self) -> float:
        """Bits per voxel of the whole file."""
        return 8 * self.file_bytes / max(1, self.voxels)


def compress(
    source: Source,
    destination: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    codec: str | Codec = "adaptive",
    effort: str | None = None,
    max_error: int | str | None = None,
    axis: str = "auto",
    group_frames: int | None = None,
    tile: int | None = None,
    threads: int | None = None,
    verify: bool = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Compressed:
    """Compress one scan into a .medc file.

    Parameters
    ----------
    source
        A file of any supported format, a folder with one DICOM series, a `Volume`, an array of 1 to 7 axes,
        or a nibabel image.
    destination
        The .medc file; by default beside the source. An open binary file is written to from where it stands.
    codec
        Name of a codec, or one with its settings.
    effort
        How hard the codec tries: "fastest", "fast", "default" or "max" for the adaptive codec.
    max_error
        Greatest error of any voxel, in stored units; with a unit ("0.5HU") in scaled ones. Lossless by default.
    axis
        The axis that frames follow: "i", "j", "k", "t", or "auto" for whichever codes a sample smaller.
    group_frames
        Frames in a group, 0 for all; by default the codec's choice.
    tile
        Height and width of a group, 0 for whole frames; by default the codec's choice.
    threads
        By default one per processor; the result is the same for any number.
    verify
        Decode and compare before the file gets its name.
    overwrite
        Replace a file that exists.
    progress
        Called with voxels done and voxels in all.

    Raises
    ------
    MedcodecError
        The text names the file, the place and the way out; nothing is left of the destination.
    """
    began = time.perf_counter()
    inputs = _input_files(source)
    if destination is None:
        destination = default_destination(source)
    if isinstance(destination, str | os.PathLike):
        destination = Path(destination)
        check_destination(destination, overwrite=overwrite, sources=inputs)
    volume = to_volume(source)
    if isinstance(codec, str):
        codec = make_codec(codec, effort=effort, max_error=stored_max_error(max_error, volume))
    elif effort is not None or max_error is not None:
        msg = "effort and max_error are settings of the codec that was given; set them there"
        raise OptionError(msg)
    layout = choose_layout(volume.voxels, codec, axis)
    grid = make_grid(layout, codec, group_frames=group_frames, tile=tile)

    def write(file: BinaryIO) -> Written:
        return write_stream(file, volume, codec, layout, grid, threads=threads, verify=verify, progress=progress)

    if isinstance(destination, Path):
        with write_atomically(destination) as file:
            written = write(file)
            if verify:
                _check_written(file)
    else:
        written = write(destination)
    return Compressed(
        destination=destination if isinstance(destination, Path) else None,
        voxels=volume.voxels.size,
        voxel_bytes=volume.voxels.nbytes,
        source_bytes=sum(path.stat().st_size for path in inputs) if inputs else None,
        file_bytes=written.file_bytes,
        groups=written.groups,
        seconds=time.perf_counter() - began,
    )


def open_medc(
    path: str | os.PathLike[str] | BinaryIO, *, threads: int | None = None, cache_bytes: int = 1 << 28
) -> MedcFile:
    """Open a .medc file as a lazy array: indexing decodes only what it touches.

    Parameters
    ----------
    path
        The file, or a seekable binary file that is open.
    threads
        By default one per processor.
    cache_bytes
        How many bytes of decoded groups are kept for the next access.

    Raises
    ------
    MedcodecError
        If it is not a whole .medc file.
    """
    return MedcFile(path, resolve=_resolve, threads=threads, cache_bytes=cache_bytes)


def decompress(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str] | None = None,
    *,
    threads: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Restore the file, or files, that a .medc file was made from.

    Parameters
    ----------
    source
        The .medc file.
    destination
        Where to write, compressed if it ends so (``.nii.gz``); a folder for a DICOM series. By default beside
        the source with the ending of the source's format.
    threads
        By default one per processor.
    overwrite
        Replace files that exist.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    MedcodecError
        If the file is damaged or the destination cannot be written; nothing is left of it.
    """
    with open_medc(source, threads=threads) as file:
        volume = read_volume(file)
    if destination is None:
        destination = default_restored(Path(source), volume)
    destination = Path(destination)
    check_destination(destination, overwrite=True, sources=(Path(source),))
    return volumes.write(volume, destination, overwrite=overwrite)


def to_volume(source: Source) -> Volume:
    """Return the volume in a file, folder, array or nibabel image."""
    if isinstance(source, Volume):
        return source
    if isinstance(source, np.ndarray):
        return volumes.from_array(source)
    if isinstance(source, str | os.PathLike):
        return volumes.read(Path(source))
    if hasattr(source, "to_bytes") and hasattr(source, "dataobj"):
        return _from_nibabel(source)
    msg = f"cannot compress a {type(source).__name__}; give a path, an array, a Volume or a nibabel image"
    raise OptionError(msg)


def _from_nibabel(image: Any) -> Volume:
    path = image.get_filename()
    if path and not image.in_memory and Path(path).exists():
        return volumes.read(Path(path))
    image = type(image)(image.dataobj, image.affine, image.header)
    image.set_data_dtype(np.asanyarray(image.dataobj).dtype)
    return volumes.read_bytes(image.to_bytes(), place=str(path or "nibabel image"))


def make_grid(layout: FrameLayout, codec: Codec, *, group_frames: int | None, tile: int | None) -> Grid:
    """Return the boxes of a volume's frames: the codec's choice where nothing else is asked for.

    Raises
    ------
    OptionError
        If a size is negative.
    """
    shape = layout.frame_shape
    box = list(codec.preferred_box(shape, layout.frame_dtype))
    for name, wanted, axes in (("group_frames", group_frames, (1,)), ("tile", tile, (2, 3))):
        if wanted is not None and wanted < 0:
            msg = f"{name} is {wanted}; give a positive number, or 0 for all"
            raise OptionError(msg)
        for axis in axes if wanted is not None else ():
            box[axis] = wanted or shape[axis]
    return Grid.regular(shape, box)


def default_destination(source: Source) -> Path:
    """Return ``scan.medc`` for ``scan.nii.gz``."""
    if not isinstance(source, str | os.PathLike):
        msg = "name a destination for data in memory"
        raise OptionError(msg)
    path = Path(source)
    return path.with_name((path.name if path.is_dir() else volumes.stem(path.name)) + SUFFIX)


def default_restored(source: Path, volume: Volume) -> Path:
    """Return ``scan.nii`` for ``scan.medc`` that was made from a NIfTI file."""
    known = volumes.formats.get(volume.source.format)
    stem = source.name.removesuffix(SUFFIX)
    ending = "" if known.is_folder(volume) else known.suffixes[0]
    return source.with_name(stem + ending if stem + ending != source.name else stem + ".restored")


def _input_files(source: Source) -> tuple[Path, ...]:
    if not isinstance(source, str | os.PathLike):
        return ()
    return tuple(path for scan in volumes.find_scans(source) for path in scan.paths)


def _check_written(written: BinaryIO) -> None:
    written.flush()
    with open_medc(written) as file:
        file.read_source()
        file.check_coded()


def _resolve(identity: CodecIdentity) -> Codec:
    return load_codec(identity.name, identity.settings, identity.model)
