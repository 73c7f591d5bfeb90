"""Verify a .medc file, and compare two scans of any format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from medcodec import volume as volumes
from medcodec.api import load_volume, open_medc
from medcodec.comparison import Difference, compare, same_source
from medcodec.container.layout import MAGIC
from medcodec.container.restore import read_volume
from medcodec.errors import IntegrityError
from medcodec.volume.model import Volume

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Verified:
    """What `verify` found; it raises where something is wrong.

    Parameters
    ----------
    voxels, groups
        How many were decoded and checked.
    difference
        To the original, if one was given.
    source_identical
        Whether the original's header is kept byte for byte; None without an original of the same format.
    """

    voxels: int
    groups: int
    difference: Difference | None
    source_identical: bool | None


def load_any(path: PathLike, *, threads: int | None = None) -> Volume:
    """Return the volume of a .medc file, or of a file or folder of any other format."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as file:
            is_medc = file.read(len(MAGIC)) == MAGIC
        if is_medc:
            return load_volume(path, threads=threads)
    return volumes.read(path)


def diff(first: PathLike, second: PathLike, *, threads: int | None = None) -> Difference:
    """Return how two scans differ: greatest error and where it is, PSNR, number of voxels that differ.

    Parameters
    ----------
    first, second
        .medc files, or files or folders of any other format.
    threads
        By default one per processor.

    Raises
    ------
    MedcodecError
        If one cannot be read, or their shapes differ.
    """
    return compare(load_any(first, threads=threads), load_any(second, threads=threads))


def verify(path: PathLike, original: PathLike | None = None, *, threads: int | None = None) -> Verified:
    """Decode a .medc file and check every checksum in it; compare it with the original if there is one.

    Parameters
    ----------
    path
        The .medc file.
    original
        The scan that it should hold: exactly, or within the file's own error bound if it has one.
    threads
        By default one per processor.

    Raises
    ------
    MedcodecError
        If anything is damaged, or the file does not hold the original.
    """
    with open_medc(path, threads=threads) as file:
        volume = read_volume(file)
        header, groups = file.info, len(file.coded_lengths)
    if original is None:
        return Verified(volume.voxels.size, groups, None, None)
    expected = load_any(original, threads=threads)
    difference = compare(expected, volume)
    bound = 0 if header.lossless else header.codec.settings.get("max_error")
    if header.lossless and difference.different:
        msg = f"{path}: {difference.different} voxels differ from {original}, the worst at {difference.where}"
        raise IntegrityError(msg)
    if bound is not None and difference.max_error > bound:
        msg = f"{path}: voxel {difference.where} differs by {difference.max_error:g} from {original}; "
        msg += f"the file's error bound is {bound}"
        raise IntegrityError(msg)
    return Verified(volume.voxels.size, groups, difference, _same_source(expected, volume))


def _same_source(expected: Volume, found: Volume) -> bool | None:
    if expected.source.format != found.source.format:
        return None
    return same_source(expected.source, found.source)
