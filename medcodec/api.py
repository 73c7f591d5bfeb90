"""Compress, decompress, open, verify: what users call."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from medcodec import volume as volumes
from medcodec.codecs.base import Codec
from medcodec.codecs.registry import load_codec
from medcodec.container.atomic import check_destination, write_atomically
from medcodec.container.bytesource import ByteSource
from medcodec.container.header import CodecIdentity
from medcodec.container.reader import MedcFile
from medcodec.container.restore import read_volume
from medcodec.container.salvage import Salvaged
from medcodec.container.salvage import salvage as salvage_stream
from medcodec.container.writer import Progress
from medcodec.convert import for_destination
from medcodec.errors import LossyMammogramWarning, OptionError
from medcodec.options import choose_codecs, stored_max_error
from medcodec.reducing import reduced_volume
from medcodec.sources import (
    Source,
    default_destination,
    default_restored,
    found,
    restorable,
    source_bytes,
    to_volume,
)
from medcodec.targets import Reached, target_of
from medcodec.volume import ScanSource
from medcodec.volume.dicom import holds_mammograms
from medcodec.volume.frames import split_components
from medcodec.volume.lossy import lossy_marks
from medcodec.volume.model import Volume
from medcodec.writing import WritingPlan


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
    max_error
        The error bound in stored units, 0 for lossless; None for a codec without a bound.
    seconds
        Wall time.
    reached
        What was asked for and what was reached, where a rate was asked for.
    notes
        What the user should know, in words.
    """

    destination: Path | None
    voxels: int
    voxel_bytes: int
    source_bytes: int | None
    file_bytes: int
    groups: int
    max_error: float | None
    seconds: float
    reached: Reached | None = None
    notes: tuple[str, ...] = ()

    @property
    def bits_per_voxel(self) -> float:
        """Bits per voxel of the whole file."""
        return 8 * self.file_bytes / max(1, self.voxels)


def compress(
    source: Source,
    destination: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    codec: str | Codec = "auto",
    codec_options: Mapping[str, Any] | None = None,
    effort: str | None = None,
    max_error: float | str | None = None,
    psnr: float | None = None,
    bpv: float | None = None,
    ratio: float | None = None,
    quality: float | None = None,
    peak: float | None = None,
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
        Name of a codec, or one with its settings. "auto" is "adaptive", and for a rate the best lossy codec
        that is installed, or the one that gives the best file where that is not sure.
    codec_options
        Settings of the codec by name.
    effort
        How hard the codec tries: "fastest", "fast", "default" or "max" for the adaptive codec.
    max_error
        Greatest error of any voxel, in stored units; with a unit ("0.5HU") in scaled ones. By default 0.
    psnr, bpv, ratio, quality
        Ask for a PSNR in dB, for bits per voxel, for voxels this many times smaller, or for a quality from 0
        to 100 on the codec's own scale: lossy, found by search on the real file. One at most.
    peak
        What the PSNR refers to; by default the range of the volume's values.
    axis
        The axis that frames follow: "i", "j", "k", "t", or "auto" for whichever codes a sample smaller.
    group_frames
        Frames in a group, 0 for all; by default the codec's choice.
    tile
        Height and width of a group, 0 for whole frames; by default the codec's choice. For random patches
        give 32 here and for ``group_frames``, with effort "fastest": small groups are decoded quickest.
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

    Warns
    -----
    LossyMammogramWarning
        If a mammogram is to lose something.
    """
    began = time.perf_counter()
    if destination is None:
        destination = default_destination(source)
    source = found(source)
    inputs = source.paths if isinstance(source, ScanSource) else ()
    if isinstance(destination, str | os.PathLike):
        destination = Path(destination)
        check_destination(destination, overwrite=overwrite, sources=inputs)
    volume = to_volume(source)
    target = target_of(psnr=psnr, bpv=bpv, ratio=ratio, quality=quality, peak=peak)
    bound = stored_max_error(max_error, volume)
    candidates = choose_codecs(codec, codec_options, effort=effort, max_error=bound, target=target)
    plan = WritingPlan(volume, axis, group_frames, tile, threads, verify, progress)
    with _output(destination) as file:
        used, written, reached = plan.write(file, candidates, target)
        if verify and isinstance(destination, Path):
            _check_written(file)
    return Compressed(
        destination=destination if isinstance(destination, Path) else None,
        voxels=volume.voxels.size,
        voxel_bytes=volume.voxels.nbytes,
        source_bytes=sum(path.stat().st_size for path in inputs) if inputs else None,
        file_bytes=written.file_bytes,
        groups=written.groups,
        max_error=0 if used.exact else getattr(used, "max_error", None),
        seconds=time.perf_counter() - began,
        reached=reached,
        notes=_notes(used, volume),
    )


def _output(destination: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return write_atomically(destination) if isinstance(destination, Path) else nullcontext(destination)


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
    return MedcFile(path, resolve=resolve_codec, threads=threads, cache_bytes=cache_bytes)


@dataclass(frozen=True)
class Restored:
    """What `decompress` did.

    Parameters
    ----------
    paths
        The files written.
    voxels, voxel_bytes
        Number of voxels and their size in memory.
    file_bytes
        Size of the .medc file.
    salvaged
        What was lost and found, with ``salvage``.
    notes
        What the user should know, in words.
    """

    paths: tuple[Path, ...]
    voxels: int
    voxel_bytes: int
    file_bytes: int
    salvaged: Salvaged | None = None
    notes: tuple[str, ...] = ()


def decompress(
    source: str | os.PathLike[str] | BinaryIO,
    destination: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    salvage: bool = False,
    fill: float = 0,
    scale: int = 1,
    every: int = 1,
    threads: int | None = None,
    overwrite: bool = False,
) -> Restored:
    """Restore the file, or files, that a .medc file was made from.

    Parameters
    ----------
    source
        The .medc file, or a seekable binary file that is open.
    destination
        Where to write, compressed if it ends so (``.nii.gz``); for a DICOM series the name of its folder. A
        folder that exists, or ends with a slash, is written into. By default beside the source with the
        ending of the source's format. Or an open binary file.
    salvage
        Recover the healthy groups of a damaged file; what was lost is listed in the result.
    fill
        Value of lost voxels.
    scale, every
        Divide height and width of the frames by ``scale``, a power of two, and keep every so many-th frame:
        only what that needs is decoded, where the codec can, and the result is a NIfTI (or NumPy) file.
    threads
        By default one per processor.
    overwrite
        Replace files that exist.

    Raises
    ------
    MedcodecError
        If the file is damaged or the destination cannot be written; nothing is left of it.
    """
    reduced = (scale, every) != (1, 1)
    if salvage and reduced:
        msg = "a damaged file is salvaged in its full size; leave out scale and every"
        raise OptionError(msg)
    salvaged = salvage_file(source, fill=fill, threads=threads) if salvage else None
    if reduced:
        with open_medc(source, threads=threads) as file:
            volume = reduced_volume(file, scale=scale, every=every)
    else:
        volume = load_volume(source, threads=threads) if salvaged is None else restorable(salvaged)
    notes = _notes_on_losses(volume) if lossy_marks(volume.source) else ()
    paths = _write_restored(source, destination, volume, overwrite=overwrite, reduced=reduced)
    file_bytes = source_bytes(source)
    return Restored(paths, volume.voxels.size, volume.voxels.nbytes, file_bytes, salvaged, notes)


def load_volume(source: str | os.PathLike[str] | BinaryIO, *, threads: int | None = None) -> Volume:
    """Return the whole volume of a .medc file, with all checksums checked."""
    with open_medc(source, threads=threads) as file:
        return read_volume(file)


def salvage_file(
    source: str | os.PathLike[str] | BinaryIO, *, fill: float = 0, threads: int | None = None
) -> Salvaged:
    """Return what is whole in a damaged .medc file; see `medcodec.container.salvage.salvage`."""
    with ByteSource(source) as file:
        return salvage_stream(file, resolve=resolve_codec, fill=fill, threads=threads)


def _write_restored(
    source: str | os.PathLike[str] | BinaryIO,
    destination: str | os.PathLike[str] | BinaryIO | None,
    volume: Volume,
    *,
    overwrite: bool,
    reduced: bool,
) -> tuple[Path, ...]:
    if destination is None:
        destination = default_restored(source, volume, reduced=reduced)
    if not isinstance(destination, str | os.PathLike):
        destination.write(volumes.to_bytes(volume))
        return ()
    if str(destination).endswith(("/", os.sep)) or Path(destination).is_dir():
        destination = Path(destination) / default_restored(source, volume, reduced=reduced).name
    destination = Path(destination)
    inputs = (Path(source),) if isinstance(source, str | os.PathLike) else ()
    check_destination(destination, overwrite=True, sources=inputs)
    return tuple(volumes.write(for_destination(volume, destination), destination, overwrite=overwrite))


def _notes_on_losses(volume: Volume) -> tuple[str, ...]:
    if not holds_mammograms(volume):
        return ()
    name = volume.source.meta.get("name", "the scan")
    note = f"{name}: a mammogram with losses; many rules forbid them for diagnosis, lossless is the default"
    warnings.warn(note, LossyMammogramWarning, stacklevel=3)
    return (note,)


def _notes(codec: Codec, volume: Volume) -> tuple[str, ...]:
    note = codec.note(split_components(volume.voxels))
    return (*([note] if note else ()), *(() if codec.exact else _notes_on_losses(volume)))


def _check_written(written: BinaryIO) -> None:
    written.flush()
    with open_medc(written) as file:
        file.read_source()
        file.check_coded()


def resolve_codec(identity: CodecIdentity) -> Codec:
    """Return the codec that a file names."""
    return load_codec(identity.name, identity.settings, identity.model)
