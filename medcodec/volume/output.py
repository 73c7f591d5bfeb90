"""Write several files so that none ever appears incomplete."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from medcodec.errors import FormatError, MedcodecError
from medcodec.volume.guard import guarded
from medcodec.volume.streams import compressing


def write_files(
    files: Iterable[tuple[Path, Iterable[bytes]]], *, packing: str, overwrite: bool
) -> list[Path]:
    """Write files through temporary ones in the same folder, renamed once all are complete.

    Parameters
    ----------
    files
        Destination and content of each. Folders are made as needed.
    packing
        How to compress each: ".gz", ".zst" or empty.
    overwrite
        Replace files that exist; otherwise they are an error and nothing is written.

    Returns
    -------
    list of Path
        The files written, in order.

    Raises
    ------
    MedcodecError
        If a file exists already or cannot be written; no partial output is left.
    """
    staged: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for path, chunks in files:
            if any(path == other for _, other in staged):
                msg = f"{path}: two files of the scan have this name; the record of the source is damaged"
                raise FormatError(msg)
            if not overwrite and path.exists():
                msg = f"{path}: exists already; remove it, choose another name or ask for overwriting"
                raise MedcodecError(msg)
            with guarded(str(path), "write the file"):
                made += _make_folder(path.parent)
                staged.append((_stage(path, chunks, packing), path))
        for position, (temporary, path) in enumerate(staged):
            with guarded(str(path), "write the file"):
                temporary.replace(path)
            staged[position] = (path, path)
    except BaseException:
        _discard(staged, made)
        raise
    return [path for _, path in staged]


def _stage(path: Path, chunks: Iterable[bytes], packing: str) -> Path:
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file, compressing(file, packing) as packed:
            for chunk in chunks:
                packed.write(chunk)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _make_folder(folder: Path) -> list[Path]:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _discard(staged: list[tuple[Path, Path]], made: list[Path]) -> None:
    for temporary, path in staged:
        if temporary != path:
            temporary.unlink(missing_ok=True)
    for folder in sorted(made, key=lambda folder: -len(folder.parts)):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
