"""NIfTI-1 and NIfTI-2 in one file: restored byte for byte before compression."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from medcodec.volume.formats import Format, RestoredFile, blob, formats
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.nifti_header import header_kind, parse_header
from medcodec.volume.raw import byteorder_of, put_voxels, take_voxels
from medcodec.volume.streams import Buffer


class Nifti(Format):
    """``.nii``, ``.nii.gz`` and ``.nii.zst``.

    The uncompressed stream comes back byte for byte: header, extensions, padding, voxels, and whatever
    follows them. Voxels keep their memory order (first axis fastest).
    """

    name = "nifti"
    suffixes = (".nii",)

    def claims(self, name: str, head: bytes) -> bool:  # noqa: ARG002
        """Tell a NIfTI file by its magic number."""
        kind = header_kind(head)
        return kind is not None and kind[1]

    def parse(self, data: Buffer, *, place: str) -> Volume:
        """Return the volume in the uncompressed bytes of a ``.nii`` file."""
        header = parse_header(data, place=place)
        voxels, end = take_voxels(
            data, offset=header.voxel_offset, shape=header.shape, dtype=header.dtype, order="F", place=place
        )
        source = SourceRecord(
            self.name,
            {"byteorder": byteorder_of(header.dtype)},
            {"head": bytes(data[: header.voxel_offset]), "tail": bytes(data[end:])},
        )
        return Volume(voxels, header.affine, header.slope, header.intercept, source)

    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the one file, uncompressed."""
        source = volume.source
        voxels = put_voxels(volume.voxels, byteorder=str(source.meta.get("byteorder")), order="F")
        yield name, chain([blob(source, "head")], voxels, [blob(source, "tail")])


formats.register(Nifti.name)(Nifti())
