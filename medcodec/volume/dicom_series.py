"""Files of a folder grouped into DICOM series, without reading their pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medcodec.errors import MedcodecError
from medcodec.volume.dicom_file import is_compressed, parse_dataset
from medcodec.volume.dicom_values import floats, integer, value_of
from medcodec.volume.formats import Group
from medcodec.volume.guard import guarded
from medcodec.volume.streams import read_payload

_SAME_IMAGE = (
    "SeriesInstanceUID",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "PixelRepresentation",
)
_NAMING = ("SeriesNumber", "SeriesDescription", "Modality")
_TAGS = [*_SAME_IMAGE, *_NAMING, "ImageOrientationPatient", "PhotometricInterpretation", "SOPClassUID"]
_DIRECTION_DIGITS = 2


def group_series(files: Sequence[Path], root: Path) -> tuple[list[Group], list[str]]:
    """Return the series among DICOM files, and a line on each file that is no image.

    Files belong together if they share the series, the size and type of their pixels and, roughly, their
    orientation (a localiser in three planes makes three scans).
    """
    members: dict[tuple[Any, ...], list[Path]] = {}
    titles: dict[tuple[Any, ...], str] = {}
    rejected: list[str] = []
    for path in files:
        try:
            with guarded(str(path), "read the DICOM file"):
                dataset = _attributes(path)
                key, title = _key(dataset, path), _title(dataset)
        except MedcodecError as error:
            rejected.append(str(error))
            continue
        if key is None:
            rejected.append(f"{path}: a DICOM file without an image; not compressed")
            continue
        members.setdefault(key, []).append(path)
        titles.setdefault(key, title)
    names = _names([titles[key] for key in members], root)
    groups = [Group(name, tuple(paths)) for name, paths in zip(names, members.values(), strict=True)]
    return groups, rejected


def _attributes(path: Path) -> Any:
    import pydicom  # noqa: PLC0415

    if path.name.lower().endswith((".gz", ".zst")):
        return parse_dataset(read_payload(path), tags=_TAGS)
    return pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS))


def _key(dataset: Any, path: Path) -> tuple[Any, ...] | None:
    if value_of(dataset, "Rows") is None or value_of(dataset, "Columns") is None:
        return None
    same = [str(value_of(dataset, keyword)) for keyword in _SAME_IMAGE]
    if value_of(dataset, "SeriesInstanceUID") is None:
        same[0] = str(path)
    colours = str(value_of(dataset, "PhotometricInterpretation"))
    halved = colours == "YBR_FULL_422" and not is_compressed(dataset)
    return (*same, halved, _direction(value_of(dataset, "ImageOrientationPatient")))


def _direction(orientation: Any) -> tuple[float, ...]:
    return tuple(round(value, _DIRECTION_DIGITS) + 0.0 for value in floats(orientation, 6) or ())


def _title(dataset: Any) -> str:
    number = integer(value_of(dataset, "SeriesNumber"))
    parts = [f"{number:03d}" if number else "", str(value_of(dataset, "SeriesDescription") or "")]
    text = "_".join(part for part in parts if part) or str(value_of(dataset, "Modality") or "series")
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_.") or "series"


def _names(titles: list[str], root: Path) -> list[str]:
    if len(titles) == 1:
        return [root.resolve().name or titles[0]]
    used: dict[str, int] = {}
    names = []
    for title in titles:
        used[title] = used.get(title, 0) + 1
        names.append(title if used[title] == 1 else f"{title}_{used[title]}")
    return names
