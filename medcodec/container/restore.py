"""From a .medc file to the whole volume that it holds."""

from __future__ import annotations

from medcodec.container.checksums import voxel_sha256
from medcodec.container.lossy import with_mark
from medcodec.container.reader import MedcFile
from medcodec.errors import IntegrityError
from medcodec.volume.model import Volume


def read_volume(file: MedcFile) -> Volume:
    """Decode everything and return it, after all checksums were found to match.

    The source record is marked if the file is lossy.

    Raises
    ------
    FormatError, IntegrityError
        If anything in the file is damaged.
    """
    source = with_mark(file.read_source(), file.info, file.file_bytes)
    voxels = file[...]
    if voxel_sha256(voxels) != file.sha256:
        msg = f"{file.name}: the SHA-256 of the voxels does not match, although every group does; "
        msg += "the file was put together from parts of different files"
        raise IntegrityError(msg)
    return Volume(voxels, file.affine, file.slope, file.intercept, source)
