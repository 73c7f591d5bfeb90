"""Find, read and write scans of any format: the front of the volume package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from medcodec.errors import FormatError, MedcodecError, UnsupportedDataError
from medcodec.volume.formats import (
    Format,
    format_of_bytes,
    format_of_file,
    format_of_volume,
    formats,
    stem,
    suffixes,
)
from medcodec.volume.guard import guarded
from medcodec.volume.model import Volume
from medcodec.volume.output import write_files
from medcodec.volume.paths import check_beside
from medcodec.volume.streams import decompress, joined, packing_of, plain_name


@dataclass(frozen=True)
class ScanSource:
    """A scan that was found but not read yet.

    Parameters
    ----------
    name
        For naming outputs: no suffix, "/" between folders.
    format
        Name of the format ("nifti", "dicom", ...).
    paths
        The files of the scan.
    root
        The folder that file names are kept relative to.
    warnings
        What a user should know: files of the folder that belong to no scan.
    """

    name: str
    format: str
    paths: tuple[Path, ...]
    root: Path
    warnings: tuple[str, ...] = ()

    def read(self) -> Volume:
        """Return the scan; ``source.meta["name"]`` is the name of its file or, for a series, its own.

        Raises
        ------
        MedcodecError
            If a file is missing, damaged or of an unsupported kind; the text names it.
        """
        known = formats.get(self.format)
        with guarded(str(self.paths[0]), "read the scan"):
            volume = known.read(self.paths, root=self.root)
        name = self.name if known.is_folder(volume) else self.paths[0].name
        source = replace(volume.source, meta={**volume.source.meta, "name": name})
        return replace(volume, source=source)


def find_scans(path: str | Path) -> list[ScanSource]:
    """Return the scans in a file or folder, without reading their voxels.

    Parameters
    ----------
    path
        A file of any known format, or a folder: DICOM files anywhere below it are grouped into series,
        every other file of a known format is a scan of its own.

    Raises
    ------
    MedcodecError
        If there is no such path, the file is of no known format, or the folder holds no scan.
    """
    path = Path(path)
    if path.is_dir():
        return _find_in_folder(path)
    known = format_of_file(path)
    with guarded(str(path), "read the file"):
        paths = known.companions(path)
    return [ScanSource(stem(paths[0].name), known.name, paths, path.parent)]


def read(path: str | Path) -> Volume:
    """Return the one scan in a file or folder.

    Raises
    ------
    MedcodecError
        As `find_scans` and `ScanSource.read` do, and if the folder holds several scans.
    """
    scans = find_scans(path)
    if len(scans) > 1:
        names = ", ".join(scan.name for scan in scans[:10]) + (", ..." if len(scans) > 10 else "")
        msg = (
            f"{path}: holds {len(scans)} scans ({names}); read them one by one with "
            "medcodec.volume.find_scans, or compress the whole folder"
        )
        raise UnsupportedDataError(msg)
    return scans[0].read()


def read_bytes(data: bytes, *, place: str = "<stdin>") -> Volume:
    """Return the scan in the bytes of one file, compressed or not; the format is told by its magic number.

    Raises
    ------
    MedcodecError
        If the bytes are of no known format, damaged, or only one of several files that make up a scan.
    """
    with guarded(place, "read the scan"):
        known = format_of_bytes(data, place)
        return known.parse(decompress(data, place=place), place=place)


def write(volume: Volume, destination: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Restore the file or files that a volume was read from.

    Parameters
    ----------
    destination
        File to write, compressed if its name ends with ``.gz``, ``.mgz`` or ``.zst``; for a scan of
        several DICOM files, the folder for them.
    overwrite
        Replace files that exist.

    Returns
    -------
    list of Path
        The files written; none appears under its name before all are complete.

    Raises
    ------
    UnsupportedDataError
        If the name asks for another format than the source had.
    MedcodecError
        If a file exists already (without ``overwrite``) or cannot be written.
    """
    destination = Path(destination)
    known = format_of_volume(volume)
    name, folder, packing, ending = destination.name, destination, "", ""
    if not known.is_folder(volume):
        _check_suffix(known, destination)
        name, folder, packing = plain_name(name), destination.parent, packing_of(name)
        ending = destination.name[len(name) :]
    with guarded(str(destination), "write the scan"):
        restored = known.restore(volume, name)
        files = ((_inside(folder, name + ending), chunks) for name, chunks in restored)
        return write_files(files, packing=packing, overwrite=overwrite)


def to_bytes(volume: Volume) -> bytes:
    """Return the uncompressed file that a volume was read from, for writing it to a pipe.

    Raises
    ------
    UnsupportedDataError
        If the scan was made of several files.
    """
    known = format_of_volume(volume)
    restored = [] if known.is_folder(volume) else list(known.restore(volume, "scan"))
    if len(restored) != 1:
        msg = f"a {known.name} scan of several files cannot go into a pipe; name a destination"
        raise UnsupportedDataError(msg)
    return joined(restored[0][1])


def _find_in_folder(folder: Path) -> list[ScanSource]:
    with guarded(str(folder), "list the folder"):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
    by_format: dict[str, list[Path]] = {}
    warnings: list[str] = []
    for path in files:
        try:
            by_format.setdefault(format_of_file(path).name, []).append(path)
        except MedcodecError as error:
            warnings.append(str(error))
    scans: list[ScanSource] = []
    for name, members in by_format.items():
        groups, rejected = formats.get(name).group(members, root=folder)
        warnings += rejected
        scans += [ScanSource(group.name, name, group.paths, folder) for group in groups]
    if not scans:
        msg = f"{folder}: holds no scan that can be read ({len(files)} files); name the folder of the scan"
        raise FormatError(msg)
    return [ScanSource(s.name, s.format, s.paths, s.root, tuple(warnings)) for s in scans]


def _inside(folder: Path, name: str) -> Path:
    check_beside(name, f"the record of {folder}")
    return folder / name


def _check_suffix(known: Format, destination: Path) -> None:
    name = destination.name.lower()
    name = plain_name(name) if known.packs else name
    foreign = any(name.endswith(suffix) for suffix in suffixes()) and not name.endswith(known.suffixes)
    if foreign or (packing_of(name) and not known.packs):
        msg = (
            f"{destination}: the scan was a {known.name} file and is restored as one; name it "
            f"{' or '.join('*' + suffix for suffix in known.suffixes)} and convert it afterwards if needed"
        )
        raise UnsupportedDataError(msg)
