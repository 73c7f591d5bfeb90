"""What is in the tree of a BIDS dataset, and copying those parts of it that are no images."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medcodec.container.atomic import check_destination, write_atomically
from medcodec.errors import OptionError
from medcodec.volume.guard import guarded

SUFFIX = ".medc"
NIFTI_SUFFIXES = (".nii.gz", ".nii")
VERSION_CONTROL = ".git"
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.part")


@dataclass(frozen=True)
class Entry:
    """One thing in the tree.

    Parameters
    ----------
    path
        Where it is, relative to the root.
    kind
        "file" (a link to a file counts as that file), "link" (to a folder, or to nothing), "folder" (an empty
        one) or "other" (a socket, for example, or a folder of version control), which cannot be copied.
    """

    path: Path
    kind: str


def walk(root: Path) -> list[Entry]:
    """Return what is in a tree, sorted; leftovers of runs that were killed are not told."""
    with guarded(str(root), "list the folder"):
        return sorted(_walk(root, root), key=lambda entry: entry.path.as_posix())


def _walk(root: Path, folder: Path) -> Iterator[Entry]:
    children = list(folder.iterdir())
    if not children and folder != root:
        yield Entry(folder.relative_to(root), "folder")
    for path in children:
        name = path.relative_to(root)
        if path.name == VERSION_CONTROL:
            yield Entry(name, "other")
        elif path.is_symlink() and not path.is_file():
            yield Entry(name, "link")
        elif path.is_dir():
            yield from _walk(root, path)
        elif not path.is_file():
            yield Entry(name, "other")
        elif not _LEFTOVER.fullmatch(path.name):
            yield Entry(name, "file")


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files of runs that were killed."""
    for path in list(root.rglob("*.part")):
        if _LEFTOVER.fullmatch(path.name) and not path.is_symlink():
            path.unlink(missing_ok=True)


def check_apart(source: Path, destination: Path) -> None:
    """Refuse folders that lie in one another.

    Raises
    ------
    OptionError
        If they do, or ``source`` is no folder.
    """
    if not source.is_dir():
        msg = f"{source}: is no folder; name the root of the dataset"
        raise OptionError(msg)
    inner, outer = source.resolve(), destination.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        msg = f"{destination}: lies in {source}, or around it; name a folder beside it"
        raise OptionError(msg)


def is_image(path: Path) -> bool:
    """Tell by its name whether a file is an image to compress; hidden files never are."""
    return path.name.lower().endswith(NIFTI_SUFFIXES) and not path.name.startswith(".")


def medc_path(path: Path, taken: set[Path]) -> Path:
    """Return what an image is called once compressed: a name that is not ``taken``."""
    ending = next(suffix for suffix in NIFTI_SUFFIXES if path.name.lower().endswith(suffix))
    short = path.with_name(path.name[: -len(ending)] + SUFFIX)
    return short if short not in taken else path.with_name(path.name + SUFFIX)


def put_file(source: Path, destination: Path, *, overwrite: bool) -> bool:
    """Copy a file with its times; return False if it was there already.

    Raises
    ------
    OptionError
        If another file is there, without ``overwrite``.
    MedcodecError
        If it cannot be written.
    """
    if destination.is_file() and filecmp.cmp(source, destination, shallow=False):
        return False
    check_destination(destination, overwrite=overwrite)
    with source.open("rb") as original, write_atomically(destination) as copy:
        shutil.copyfileobj(original, copy, 1 << 20)
    copy_times(source, destination)
    return True


def put_link(source: Path, destination: Path, *, overwrite: bool) -> bool:
    """Make a link to the same place; return False if it was there already.

    Raises
    ------
    OptionError
        If something else is there, without ``overwrite``.
    """
    target = source.readlink()
    if destination.is_symlink() and destination.readlink() == target:
        return False
    if destination.is_symlink() and overwrite:
        destination.unlink()
    if destination.is_symlink() or destination.exists():
        msg = f"{destination}: is there already and is not the link to {target}; remove it"
        raise OptionError(msg)
    destination.symlink_to(target)
    return True


def copy_times(source: Path, destination: Path) -> None:
    """Give a file the times and permissions of another; its owner may always write to it."""
    found = source.stat()
    destination.chmod((found.st_mode & 0o777) | 0o200)
    os.utime(destination, ns=(found.st_atime_ns, found.st_mtime_ns))
