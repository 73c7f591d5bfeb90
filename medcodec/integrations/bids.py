"""BIDS: compress the images of a dataset tree and keep all else, and back again.

``compress_dataset`` turns every ``.nii`` and ``.nii.gz`` file into a ``.medc`` file and copies all others;
``decompress_dataset`` gives the tree back. Each ``.medc`` file knows the name and the SHA-256 of its original
and how to make its gzip layer again, so that nothing depends on a list beside the files. What was done by a
run that ended early is kept. Version control (``.git``) is left out; links to files become files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcodec.container.parallel import default_threads, ordered_map
from medcodec.errors import MedcodecError, OptionError
from medcodec.integrations.bids_image import Done, compress_image, restore_image
from medcodec.integrations.bids_tree import (
    SUFFIX,
    VERSION_CONTROL,
    Entry,
    check_apart,
    is_image,
    medc_path,
    put_file,
    put_link,
    remove_leftovers,
    walk,
)

Progress = Callable[[int, int], None]
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class BidsReport:
    """What became of a dataset.

    Parameters
    ----------
    items
        One per file, link or empty folder, in the order of their names.
    """

    items: tuple[Done, ...]

    def count(self, state: str) -> int:
        """Return how many items are in a state, see `Done`."""
        return sum(item.state == state for item in self.items)

    @property
    def failed(self) -> tuple[Done, ...]:
        """What could not be done."""
        return tuple(item for item in self.items if item.state == "failed")

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of what was done, in words."""
        done = (item for item in self.items if item.state != "failed")
        return tuple(f"{item.name}: {item.note}" for item in done if item.note)


def compress_dataset(
    source: PathLike,
    destination: PathLike,
    *,
    exact_gzip: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> BidsReport:
    """Compress the images of a dataset, and copy everything else.

    Parameters
    ----------
    source
        Root of the dataset.
    destination
        Folder for the result. What it holds of this dataset already is kept, so that a run goes on where
        another ended.
    exact_gzip
        Copy the ``.nii.gz`` files whose gzip layer cannot be made again. By default they are compressed too:
        the NIfTI file inside comes back byte for byte, in another gzip file.
    overwrite
        Replace files that differ.
    threads
        By default one per processor.
    progress
        Called with items done and items in all.
    options
        Of `medcodec.compress`. With ``max_error``, images come back within it, all other files exactly.

    Raises
    ------
    OptionError
        If the folders lie in one another, or the dataset has .medc files. What goes wrong with single files
        is told in the report.
    """
    root, out = Path(source), Path(destination)
    check_apart(root, out)
    entries = walk(root)
    for entry in entries:
        if entry.path.suffix == SUFFIX:
            msg = f"{root / entry.path}: the dataset has {SUFFIX} files already; restore or remove them first"
            raise OptionError(msg)
    names = _names(entries)
    at_a_time = max(1, min(threads or default_threads(), len(names)))
    options["threads"] = max(1, (threads or default_threads()) // at_a_time)

    def put(entry: Entry) -> Done:
        if entry.path not in names:
            return _put_other(entry, root, out, overwrite=overwrite)
        path, target = root / entry.path, out / names[entry.path]
        return compress_image(path, target, exact_gzip=exact_gzip, overwrite=overwrite, options=options)

    return _run(put, entries, out, at_a_time, progress)


def decompress_dataset(
    source: PathLike,
    destination: PathLike,
    *,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> BidsReport:
    """Give back the dataset that `compress_dataset` was given.

    Parameters
    ----------
    source
        A folder that `compress_dataset` wrote.
    destination, overwrite, threads, progress
        As for `compress_dataset`.

    Raises
    ------
    OptionError
        If the folders lie in one another. What goes wrong with single files is told in the report.
    """
    root, out = Path(source), Path(destination)
    check_apart(root, out)
    entries = walk(root)
    at_a_time = threads or default_threads()

    def put(entry: Entry) -> Done:
        if entry.kind == "file" and entry.path.suffix == SUFFIX:
            folder = out / entry.path.parent
            return restore_image(root / entry.path, folder, overwrite=overwrite)
        return _put_other(entry, root, out, overwrite=overwrite)

    return _run(put, entries, out, at_a_time, progress)


def _names(entries: Iterable[Entry]) -> dict[Path, Path]:
    """Return the new names of all images; a.nii.gz goes before a.nii where both are there."""
    names: dict[Path, Path] = {}
    images = [entry.path for entry in entries if entry.kind == "file" and is_image(entry.path)]
    for path in sorted(images, key=lambda path: not path.name.lower().endswith(".gz")):
        names[path] = medc_path(path, set(names.values()))
    return names


def _run(
    put: Callable[[Entry], Done], entries: list[Entry], out: Path, threads: int, progress: Progress | None
) -> BidsReport:
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
        # Ahead of the threads, so that none meets a folder that another is making.
        for folder in {(out / entry.path).parent for entry in entries if entry.kind != "other"}:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{error.filename or out}: cannot be made ({error.strerror}); check the output folder"
        raise MedcodecError(msg) from error

    def safely(entry: Entry) -> Done:
        try:
            return put(entry)
        except (MedcodecError, OSError) as error:
            return Done(entry.path.as_posix(), "failed", note=str(error))

    items: list[Done] = []
    for item, entry in zip(ordered_map(safely, entries, threads=threads), entries, strict=True):
        items.append(item.called(entry.path.as_posix()))
        if progress:
            progress(len(items), len(entries))
    return BidsReport(tuple(items))


def _put_other(entry: Entry, root: Path, out: Path, *, overwrite: bool) -> Done:
    source, destination, name = root / entry.path, out / entry.path, entry.path.as_posix()
    if entry.kind == "file":
        state = "copied" if put_file(source, destination, overwrite=overwrite) else "present"
        size = source.stat().st_size
        return Done(name, state, size, size)
    if entry.kind == "folder":
        destination.mkdir(exist_ok=True)
        return Done(name, "copied")
    if entry.kind == "link":
        state = "copied" if put_link(source, destination, overwrite=overwrite) else "present"
        missing = "" if source.exists() else "the link leads to no file and was kept; get the content first"
        return Done(name, state, note=missing)
    what = "version control" if entry.path.name == VERSION_CONTROL else "neither file nor folder"
    return Done(name, "left out", note=f"{what}, left out")
