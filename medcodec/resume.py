"""Whether a .medc file already holds a scan, so that compressing it again can be left out."""

from __future__ import annotations

from pathlib import Path

from medcodec.api import open_medc
from medcodec.comparison import compare, same_source
from medcodec.container.checksums import voxel_sha256
from medcodec.container.reader import MedcFile
from medcodec.container.restore import read_volume
from medcodec.errors import MedcodecError, OptionError
from medcodec.options import stored_max_error
from medcodec.targets import Target, satisfies
from medcodec.volume import ScanSource
from medcodec.volume.model import Volume


def already_done(
    path: Path,
    scan: ScanSource,
    *,
    max_error: float | str | None,
    target: Target | None = None,
    threads: int | None,
) -> int:
    """Return the bytes of voxels of a scan that ``path`` holds already, whole and as exactly as asked for.

    Raises
    ------
    OptionError
        If the file holds something else, is damaged, or keeps less than what is asked for.
    MedcodecError
        If the scan cannot be read.
    """
    volume = scan.read()
    allowed = stored_max_error(max_error, volume) or 0
    try:
        with open_medc(path, threads=threads) as file:
            same = _holds(file, volume, allowed, target)
    except MedcodecError as error:
        msg = f"{path}: exists, but cannot be kept ({error}); use --force to replace it"
        raise OptionError(msg) from error
    if not same:
        msg = f"{path}: exists, but does not hold this scan as asked for; use --force to replace it"
        raise OptionError(msg)
    return volume.voxels.nbytes


def _holds(file: MedcFile, volume: Volume, allowed: float, target: Target | None) -> bool:
    if file.shape != volume.voxels.shape or file.dtype != volume.voxels.dtype:
        return False
    if not same_source(file.read_source(), volume.source):
        return False
    if target is not None:
        return satisfies(compare(volume, read_volume(file)), file.file_bytes, volume.voxels, target)
    if file.info.lossless:
        # The sum was proven when the file was written; what can have changed since are its bytes.
        file.check_coded()
        return voxel_sha256(volume.voxels) == file.sha256
    return allowed > 0 and compare(volume, read_volume(file)).max_error <= allowed
