"""NIfTI-1 and NIfTI-2 in one file: restored byte for byte before compression."""

from __future__ import annotations

from medcodec.volume.formats import formats
from medcodec.volume.nifti_header import header_kind, parse_header
from medcodec.volume.raw_file import Layout, RawFile
from medcodec.volume.streams import Buffer


class Nifti(RawFile):
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

    def locate(self, data: Buffer, *, place: str) -> Layout:
        """Return where the header puts the voxels."""
        header = parse_header(data, place=place)
        return Layout(
            offset=header.voxel_offset,
            shape=header.shape,
            dtype=header.dtype,
            affine=header.affine,
            slope=header.slope,
            intercept=header.intercept,
        )


formats.register(Nifti.name)(Nifti())
