"""Data sets: what belongs to one, where it is found, and whether what is there is what is meant."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from medcodec.errors import FormatError, MedcodecError, OptionError
from medcodec.evaluation.descriptions import load_toml, shipped, shipped_names
from medcodec.volume import find_scans, suffixes
from medcodec.volume.guard import guarded

_VIDEO_SUFFIXES = (".y4m", ".yuv", ".y4m.gz", ".yuv.gz", ".mkv", ".mp4", ".mov", ".avi", ".webm")
_FOLDER = "datasets"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One scan or video, and how it is evaluated.

    Parameters
    ----------
    name
        Unique in its data set.
    path
        Of the file, within the folder of the data set.
    group
        Class or kind; BD-rates are averaged per group.
    frames
        Only the first so many frames (over time, or of a video); all by default.
    total_frames
        Frames of the whole file, where known.
    group_frames
        Frames of a coded group: the intra period. By default the codec's choice.
    peak
        Of the PSNR, see `medcodec.evaluation.metrics.Peak`; videos always take that of their depth.
    bits
        Map grey values linearly to that many bits before coding, over the whole file.
    yuv
        What frames of a ``.yuv`` file are, where its name does not tell: "416x240", "1920x1080_10bit_422".
    z
        Take one slice of a cine (i, j, k, t), which gives frames over time.
    labels
        File of labels, within the folder.
    shape
        Of the scan in the file, where known.
    bytes, sha256
        Of the file, where known.
    licence
        Where it differs from the data set's.
    """

    name: str
    path: str
    group: str = ""
    frames: int | None = None
    total_frames: int | None = None
    group_frames: int | None = None
    peak: str = "range"
    bits: int | None = None
    yuv: str | None = None
    z: int | None = None
    labels: str | None = None
    shape: tuple[int, ...] | None = None
    bytes: int | None = None
    sha256: str | None = None
    licence: str = ""

    @property
    def is_video(self) -> bool:
        """Whether it is a video rather than a scan."""
        return self.path.lower().endswith(_VIDEO_SUFFIXES)

    def selection(self, shape: tuple[int, ...]) -> tuple[int | slice, ...]:
        """Return the index of what is coded of a scan of a shape.

        Raises
        ------
        OptionError
            If the scan has no such slice, or fewer frames.
        """
        if self.z is not None and (len(shape) != 4 or not 0 <= self.z < shape[2]):
            msg = f"{self.path}: slice {self.z} over time is asked for, but the scan has shape {shape}"
            raise OptionError(msg)
        if self.frames is not None and self.frames > shape[-1]:
            msg = f"{self.path}: {self.frames} frames are asked for, but the scan has shape {shape}"
            raise OptionError(msg)
        plane: list[int | slice] = [slice(None)] * (len(shape) - 1)
        if self.z is not None:
            plane[2] = self.z
        return (*plane, slice(self.frames))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set.

    Parameters
    ----------
    name, title, licence, source, layout, note
        For people: what it is, under which terms, where to get or ask for it, and where files are expected.
    items
        What belongs to it.
    """

    name: str
    title: str = ""
    licence: str = ""
    source: str = ""
    layout: str = ""
    note: str = ""
    items: tuple[Item, ...] = field(default=())


def dataset_names() -> list[str]:
    """Return the names of the data sets that are described."""
    return shipped_names(_FOLDER)


def load_dataset(name: str) -> Dataset:
    """Return a data set by its name, or from a TOML file of one's own.

    Raises
    ------
    OptionError
        If there is none of that name; the text lists those that are described.
    FormatError
        If the description is malformed.
    """
    path = Path(name)
    if path.suffix != ".toml":
        if name not in dataset_names():
            msg = f"data set {name!r} is not described; known: {', '.join(dataset_names())}; "
            msg += "or name a folder of scans, or a .toml file"
            raise OptionError(msg)
        path = shipped(_FOLDER, f"{name}.toml")
    return parse_dataset(load_toml(path), place=str(path))


def parse_dataset(content: dict[str, Any], *, place: str) -> Dataset:
    """Return the data set of a description; see ``docs/evaluation.md`` for its keys."""
    facts = {key: value for key, value in content.items() if key not in ("item", "protocol")}
    protocol = content.get("protocol", {})
    known = {entry.name for entry in fields(Item)}
    items = []
    for number, entry in enumerate(content.get("item", []), start=1):
        merged = {**protocol, **entry}
        surplus, missing = set(merged) - known, {"name", "path"} - set(merged)
        if surplus or missing:
            msg = f"{place}: item {number} has unknown keys {sorted(surplus)} or lacks {sorted(missing)}"
            raise FormatError(msg)
        if "shape" in merged:
            merged["shape"] = tuple(merged["shape"])
        items.append(Item(**merged))
    if len({item.name for item in items}) < len(items):
        msg = f"{place}: two items have one name"
        raise FormatError(msg)
    try:
        return Dataset(**facts, items=tuple(items))
    except TypeError as error:
        msg = f"{place}: {error}"
        raise FormatError(msg) from error


def dataset_of_folder(path: Path, **protocol: Any) -> Dataset:
    """Return every scan and video in a file or folder as a data set; ``protocol`` are fields of `Item`."""
    root = path if path.is_dir() else path.parent
    candidates = sorted(path.rglob("*")) if path.is_dir() else [path]
    videos = [file for file in candidates if file.name.lower().endswith(_VIDEO_SUFFIXES)]
    names = [str(video.relative_to(root)) for video in videos]
    if path.is_dir() and any(file.is_file() and file not in videos for file in candidates):
        try:
            scans = find_scans(path)
        except FormatError:
            scans = []
        names += [_scan_path(scan.paths, root) for scan in scans]
    elif not videos:
        names += [_scan_path(scan.paths, root) for scan in find_scans(path)]
    if not names:
        msg = f"{path}: holds neither scans nor videos"
        raise OptionError(msg)
    items = tuple(Item(name=_plain(name), path=name, **protocol) for name in sorted(names))
    return Dataset(name=path.name, title=str(path), items=items)


def _scan_path(paths: tuple[Path, ...], root: Path) -> str:
    # A series of several files is named by its folder.
    path = paths[0] if len(paths) == 1 else paths[0].parent
    return str(path.relative_to(root))


def _plain(name: str) -> str:
    endings = sorted((*_VIDEO_SUFFIXES, *suffixes()), key=len, reverse=True)
    ending = next((ending for ending in endings if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)].replace("\\", "/") or name


@dataclass(frozen=True)
class Checked:
    """What `check_dataset` found about one item: "there", "missing" or "differs", and in what."""

    item: Item
    state: str
    detail: str = ""


def check_dataset(dataset: Dataset, folder: Path, *, checksums: bool = True) -> list[Checked]:
    """Return for each item whether its files are there and are those that are meant.

    Sizes are compared where known, SHA-256 too unless ``checksums`` is off; a NIfTI cine must hold the slice
    and the frames that are asked for.
    """
    return [_check(item, folder, checksums) for item in dataset.items]


def _check(item: Item, folder: Path, checksums: bool) -> Checked:
    import nibabel  # noqa: PLC0415 (slow to import)

    path = folder / item.path
    absent = [name for name in (item.path, item.labels) if name and not (folder / name).exists()]
    if absent:
        return Checked(item, "missing", ", ".join(absent))
    if item.bytes is not None and path.stat().st_size != item.bytes:
        return Checked(item, "differs", f"{item.path}: {path.stat().st_size} bytes instead of {item.bytes}")
    if checksums and item.sha256:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        if digest.hexdigest() != item.sha256:
            return Checked(item, "differs", f"{item.path}: SHA-256 is {digest.hexdigest()[:16]}...")
    if item.z is not None and item.path.endswith((".nii", ".nii.gz")):
        try:
            with guarded(item.path, "read the header"):
                item.selection(nibabel.load(path).shape)  # type: ignore[attr-defined]
        except MedcodecError as error:
            return Checked(item, "differs", str(error))
    return Checked(item, "there", "" if item.bytes or item.sha256 else "size and checksum are not known")
