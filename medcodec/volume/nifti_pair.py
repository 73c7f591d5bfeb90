"""NIfTI and Analyze as two files, ``.hdr`` and ``.img``: both are restored byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from medcodec.errors import FormatError
from medcodec.volume.formats import Format, RestoredFile, blob, formats
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.nifti_header import header_kind, parse_header
from medcodec.volume.raw import byteorder_of, put_voxels, take_voxels
from medcodec.volume.streams import COMPRESSED_SUFFIXES, Buffer, plain_name, read_payload

_PARTNERS = {".hdr": ".img", ".img": ".hdr"}


class NiftiPair(Format):
    """``.hdr`` with ``.img``, each plain or compressed; NIfTI-1, NIfTI-2 and Analyze 7.5 headers."""

    name = "nifti_pair"
    suffixes = (".hdr", ".img")

    def claims(self, name: str, head: bytes) -> bool:
        """Tell a header by its magic number or size field; an ``.img`` by its name."""
        kind = header_kind(head)
        return name.endswith(".img") or (name.endswith(".hdr") and kind is not None and not kind[1])

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Return the header and the image, whichever was named."""
        partner = _partner(path)
        return (path, partner) if Path(plain_name(path.name)).suffix.lower() == ".hdr" else (partner, path)

    def parse(self, data: Buffer, *, place: str) -> Volume:  # noqa: ARG002
        """Refuse: half a pair is no scan."""
        msg = f"{place}: a header without its image file; name the .hdr or .img file instead of piping it"
        raise FormatError(msg)

    def read(self, paths: Sequence[Path], *, root: Path) -> Volume:  # noqa: ARG002
        """Return the volume of the pair that the first path belongs to."""
        header_path, image_path = self.companions(paths[0])
        head, image = read_payload(header_path), read_payload(image_path)
        header = parse_header(head, place=str(header_path))
        place = str(image_path)
        voxels, end = take_voxels(
            image, offset=header.voxel_offset, shape=header.shape, dtype=header.dtype, order="F", place=place
        )
        blobs = {
            "header": bytes(head),
            "head": bytes(image[: header.voxel_offset]),
            "tail": bytes(image[end:]),
        }
        source = SourceRecord(self.name, {"byteorder": byteorder_of(header.dtype)}, blobs)
        return Volume(voxels, header.affine, header.slope, header.intercept, source)

    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the header and the image, uncompressed."""
        source = volume.source
        voxels = put_voxels(volume.voxels, byteorder=str(source.meta.get("byteorder")), order="F")
        suffix = Path(name).suffix
        stem = name[: -len(suffix)] if suffix.lower() in _PARTNERS else name
        upper = suffix.isupper()
        yield stem + (".HDR" if upper else ".hdr"), [blob(source, "header")]
        image = chain([blob(source, "head")], voxels, [blob(source, "tail")])
        yield stem + (".IMG" if upper else ".img"), image


def _partner(path: Path) -> Path:
    plain = path.with_name(plain_name(path.name))
    wanted = _PARTNERS.get(plain.suffix.lower())
    if wanted is None:
        msg = f"{path}: a header of a .hdr/.img pair must be named .hdr; rename it"
        raise FormatError(msg)
    ending = path.name[len(plain.name) :]
    suffix = wanted.upper() if plain.suffix.isupper() else wanted
    endings = dict.fromkeys((ending, "", *COMPRESSED_SUFFIXES))
    candidates = [plain.with_name(plain.stem + suffix + end) for end in endings]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    msg = f"{path}: its other half {candidates[0].name} is missing; put both files into one folder"
    raise FormatError(msg)


formats.register(NiftiPair.name)(NiftiPair())
