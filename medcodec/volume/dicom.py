"""DICOM: single files, multi-frame files, and folders that hold series of files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, UnsupportedDataError
from medcodec.volume.dicom_file import DicomFile, take_apart
from medcodec.volume.dicom_frames import Stack, common_scaling, stack_frames
from medcodec.volume.dicom_label import is_mammogram, labelled
from medcodec.volume.dicom_pixels import PixelLayout, put_pixels
from medcodec.volume.dicom_series import group_series
from medcodec.volume.formats import Format, Group, RestoredFile, blob, formats
from medcodec.volume.lossy import lossy_marks
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.streams import Buffer, plain_name, read_payload

_PREAMBLE = slice(128, 132)
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


class Dicom(Format):
    """DICOM images.

    Files in an uncompressed transfer syntax come back byte for byte. All others come back as Explicit VR
    Little Endian with every attribute and each decoded pixel; the attributes that say how pixels are stored
    are changed to fit. Images that lost something are labelled, see `dicom_label`. Axes of the volume:
    column, row, slice, then time if each place was taken several times; samples that are no 8-bit RGB are the
    last axis.
    """

    name = "dicom"
    suffixes = (".dcm", ".dicom", ".ima")

    def claims(self, name: str, head: bytes) -> bool:
        """Tell DICOM by its prefix, or by how data sets without it begin."""
        if head[_PREAMBLE] == b"DICM":
            return True
        plausible = head[:2] in _FIRST_GROUPS and max(head[2:4], default=255) <= 0x18
        return plausible and (head[4:6].isalpha() or head[6:8] == b"\0\0" or name.endswith(self.suffixes))

    def group(self, files: Sequence[Path], *, root: Path) -> tuple[list[Group], list[str]]:
        """Return the series among the files, and a line on each file that is no image."""
        return group_series(files, root)

    def parse(self, data: Buffer, *, place: str) -> Volume:
        """Return the volume in the bytes of one file."""
        return _assemble([take_apart(data, place=place)], [Path(place).name], place)

    def read(self, paths: Sequence[Path], *, root: Path) -> Volume:
        """Return the volume that the files make; their names are kept relative to ``root``."""
        files = [take_apart(read_payload(path), place=str(path)) for path in paths]
        names = [path.relative_to(root).as_posix() for path in paths]
        plain = [plain_name(name) for name in names]
        names = plain if len(set(plain)) == len(plain) else names
        return _assemble(files, names, str(paths[0].parent if len(paths) > 1 else paths[0]))

    def is_folder(self, volume: Volume) -> bool:
        """Tell whether there were several files."""
        return bool(volume.source.meta.get("files", 1) != 1)

    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the files; a single one under ``name``, several under their own names."""
        record = _record(volume.source)
        words = _unstacked(volume, record["order"])
        heads = _pieces(blob(volume.source, "heads"), [file["head"] for file in record["files"]])
        tails = _pieces(blob(volume.source, "tails"), [file["tail"] for file in record["files"]])
        layouts = [PixelLayout.from_dict(layout) for layout in record["layouts"]]
        marks = lossy_marks(volume.source)
        start = 0
        for file, head, tail in zip(record["files"], heads, tails, strict=True):
            layout = layouts[file["layout"]]
            frames = words[start : start + layout.shape[0]]
            start += layout.shape[0]
            chunks = [labelled(head, frames, tail, layout, marks)] if marks else None
            chunks = chunks or [head, put_pixels(frames, layout), tail]
            yield (file["name"] if len(heads) > 1 else name), chunks


def holds_mammograms(volume: Volume) -> bool:
    """Tell whether a volume was read from mammograms in DICOM files."""
    if volume.source.format != Dicom.name:
        return False
    record = _record(volume.source)
    return is_mammogram(blob(volume.source, "heads")[: record["files"][0]["head"]])


def _assemble(files: list[DicomFile], names: list[str], place: str) -> Volume:
    shapes = {file.words.shape[1:] for file in files}
    types = {file.words.dtype for file in files}
    if len(shapes) > 1 or len(types) > 1:
        msg = f"{place}: images of different sizes or types ({shapes}, {types}) cannot make one volume"
        raise UnsupportedDataError(msg)
    stack = stack_frames([frame for file in files for frame in file.frames])
    files, names, order = _in_stack_order(files, names, stack.order)
    words = files[0].words if len(files) == 1 else np.concatenate([file.words for file in files])
    if order != list(range(len(order))):
        words = words[np.array(order)]
    scaling = common_scaling([frame for file in files for frame in file.frames])
    slope, intercept = scaling or (1.0, 0.0)
    meta = {
        "files": len(files),
        "converted": sum(file.converted for file in files),
        "scaling_varies": scaling is None,
    }
    source = SourceRecord(Dicom.name, meta, _blobs(files, names, order))
    return Volume(_stacked(words, stack), stack.affine, slope, intercept, source)


def _in_stack_order(
    files: list[DicomFile], names: list[str], order: Sequence[int]
) -> tuple[list[DicomFile], list[str], list[int]]:
    """Return files sorted by their first place in the volume, so that neighbours have similar headers."""
    owner = np.repeat(np.arange(len(files)), [len(file.frames) for file in files])
    seen = list(dict.fromkeys(int(owner[index]) for index in order))
    starts = [0, *accumulate(len(files[index].frames) for index in seen)]
    shift = dict(zip(seen, starts, strict=False))
    old_start = [0, *accumulate(len(file.frames) for file in files)]
    moved = [shift[int(owner[index])] + index - old_start[int(owner[index])] for index in order]
    return [files[index] for index in seen], [names[index] for index in seen], moved


def _blobs(files: list[DicomFile], names: list[str], order: list[int]) -> dict[str, bytes]:
    layouts = list(dict.fromkeys(file.layout for file in files))
    record = {
        "layouts": [layout.to_dict() for layout in layouts],
        "files": [
            {
                "name": name,
                "head": len(file.head),
                "tail": len(file.tail),
                "layout": layouts.index(file.layout),
            }
            for file, name in zip(files, names, strict=True)
        ],
        "order": None if order == list(range(len(order))) else order,
    }
    return {
        "record": json.dumps(record, separators=(",", ":")).encode(),
        "heads": b"".join(file.head for file in files),
        "tails": b"".join(file.tail for file in files),
    }


def _stacked(words: npt.NDArray[Any], stack: Stack) -> npt.NDArray[Any]:
    """Return (frames, rows, columns[, samples]) as (columns, rows, slices[, times][, samples])."""
    times = () if stack.times is None else (stack.times,)
    apart = words.reshape(*times, stack.slices, *words.shape[1:])
    spatial = len(times) + 3
    return np.transpose(apart, (*range(spatial - 1, -1, -1), *range(spatial, apart.ndim)))


def _unstacked(volume: Volume, order: list[int] | None) -> npt.NDArray[Any]:
    """Return the frames, shape (frames, rows, columns[, samples]), in the order of the files."""
    record = _record(volume.source)
    layout = PixelLayout.from_dict(record["layouts"][0])
    sampled = len(layout.shape) == 4 and volume.voxels.dtype.names is None
    axes = volume.voxels.ndim - sampled
    if axes not in (3, 4):
        msg = f"the record of the DICOM source does not fit voxels of shape {volume.voxels.shape}"
        raise FormatError(msg)
    apart = np.transpose(volume.voxels, (*range(axes - 1, -1, -1), *range(axes, volume.voxels.ndim)))
    words: npt.NDArray[Any] = apart.reshape(-1, *apart.shape[axes - 2 :])
    if order is None:
        return words
    if sorted(order) != list(range(len(words))):
        msg = f"the record of the DICOM source has no valid order of {len(words)} frames"
        raise FormatError(msg)
    inverse = np.empty(len(order), np.intp)
    inverse[np.array(order)] = np.arange(len(order))
    return np.take(words, inverse, axis=0)


def _record(source: SourceRecord) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(blob(source, "record"))
        files = [(str(f["name"]), int(f["head"]), int(f["tail"]), int(f["layout"])) for f in record["files"]]
        valid = bool(files) and all(0 <= layout < len(record["layouts"]) for *_, layout in files)
        valid = valid and (record["order"] is None or isinstance(record["order"], list))
    except (ValueError, TypeError, KeyError) as error:
        msg = f"the record of the DICOM source is damaged ({type(error).__name__}: {error})"
        raise FormatError(msg) from error
    if not valid:
        msg = "the record of the DICOM source is damaged: it names no files or unknown layouts"
        raise FormatError(msg)
    return record


def _pieces(whole: bytes, lengths: list[int]) -> list[bytes]:
    ends = [0, *accumulate(lengths)]
    if any(length < 0 for length in lengths) or ends[-1] != len(whole):
        msg = "the record of the DICOM source is damaged: lengths do not add up"
        raise FormatError(msg)
    return [whole[start:end] for start, end in pairwise(ends)]


formats.register(Dicom.name)(Dicom())
