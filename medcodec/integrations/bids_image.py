"""One image of a BIDS dataset: into a .medc file that knows its original, and back."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medcodec.api import compress, load_volume, open_medc
from medcodec.container.atomic import check_destination, write_atomically
from medcodec.container.reader import MedcFile
from medcodec.errors import FormatError, IntegrityError, OptionError, UnsupportedDataError
from medcodec.integrations.bids_tree import copy_times, put_file
from medcodec.options import stored_max_error
from medcodec.volume import read_bytes, to_bytes
from medcodec.volume.lossy import lossy_marks
from medcodec.volume.model import Volume
from medcodec.volume.original import BLOB, Original
from medcodec.volume.streams import compressing, decompress

_OTHER_GZIP = "comes back in another gzip file: no setting of zlib makes the same compressed bytes"


@dataclass(frozen=True)
class Done:
    """What became of one item of a dataset.

    Parameters
    ----------
    name
        Its path within the dataset.
    state
        "compressed", "restored", "copied", "present" (was there already), "left out" or "failed".
    bytes_before, bytes_after
        Sizes of the file here and there.
    note
        What the user should know, in words.
    """

    name: str
    state: str
    bytes_before: int = 0
    bytes_after: int = 0
    note: str = ""

    def called(self, name: str) -> Done:
        """Return the same under another name."""
        return replace(self, name=name)


def compress_image(
    path: Path, destination: Path, *, exact_gzip: bool, overwrite: bool, options: dict[str, Any]
) -> Done:
    """Compress a NIfTI file; copy it, and say why, if that is not possible.

    Parameters
    ----------
    path
        The file.
    destination
        The .medc file to write; one of this image that is there is kept.
    exact_gzip
        Copy the file if its gzip layer cannot be made again.
    overwrite
        Replace what is there.
    options
        Of `medcodec.compress`.

    Raises
    ------
    MedcodecError
        If there is something else, or it cannot be written.
    """
    data = path.read_bytes()
    if destination.exists() and not overwrite:
        return _present(path, destination, data, exact_gzip=exact_gzip, options=options)
    try:
        content = decompress(data, place=str(path))
        volume = read_bytes(bytes(content), place=str(path))
        _check_nifti(volume, path)
    except (FormatError, UnsupportedDataError) as error:
        return _copy(path, destination, str(error), overwrite=overwrite)
    lossy = bool(stored_max_error(options.get("max_error"), volume))
    original = Original.of(path.name, data, None if lossy else content)
    differs = original.packed and original.layer is None and not lossy
    if exact_gzip and differs:
        return _copy(path, destination, "no setting of zlib makes the same bytes", overwrite=overwrite)
    source = replace(volume.source, blobs={**volume.source.blobs, BLOB: original.to_blob()})
    try:
        done = compress(replace(volume, source=source), destination, overwrite=overwrite, **options)
    except UnsupportedDataError as error:
        return _copy(path, destination, str(error), overwrite=overwrite)
    copy_times(path, destination)
    return Done(path.name, "compressed", len(data), done.file_bytes, _OTHER_GZIP if differs else "")


def restore_image(path: Path, folder: Path, *, overwrite: bool) -> Done:
    """Restore the file that an image was made from, under its own name; see `compress_image`.

    Raises
    ------
    MedcodecError
        If the image is damaged, or another file of that name is there.
    """
    size = path.stat().st_size
    with open_medc(path) as file:
        original, lossless = Original.from_source(file.read_source()), file.info.lossless
    if original is None:
        copied = put_file(path, folder / path.name, overwrite=overwrite)
        note = "was not made of an image of a dataset; copied"
        return Done(path.name, "copied" if copied else "present", size, size, note)
    destination = folder / _plain(original.name, path)
    if lossless and destination.is_file() and original.matches(destination.read_bytes()):
        return Done(path.name, "present", size, original.size_bytes)
    volume = load_volume(path, threads=1)
    data, note = _file_of(volume, original, path)
    state = _put(data, destination, overwrite=overwrite)
    copy_times(path, destination)
    return Done(path.name, state, size, destination.stat().st_size, note)


def _present(
    path: Path, destination: Path, data: bytes, *, exact_gzip: bool, options: dict[str, Any]
) -> Done:
    with open_medc(destination) as file:
        original = Original.from_source(file.read_source())
        same = original is not None and original.name == path.name and original.matches(data)
        same = same and (file.info.lossless or _within(file, data, options))
        file.check_coded()
    if not same or original is None:
        msg = (
            f"{destination}: is there already, but does not hold {path} as asked for; replace it with --force"
        )
        raise OptionError(msg)
    differs = original.packed and original.layer is None and file.info.lossless
    if differs and exact_gzip:
        msg = f"{destination}: is there already, but without the gzip layer of {path}; remove it"
        raise OptionError(msg)
    size = destination.stat().st_size
    return Done(path.name, "present", len(data), size, _OTHER_GZIP if differs else "")


def _within(file: MedcFile, data: bytes, options: dict[str, Any]) -> bool:
    """Tell whether a lossy file keeps the bound that is asked for."""
    allowed = stored_max_error(options.get("max_error"), read_bytes(data, place=file.name)) or 0
    bound = file.info.codec.settings.get("max_error")
    return bound is not None and bound <= allowed


def _file_of(volume: Volume, original: Original, path: Path) -> tuple[bytes, str]:
    """Return the bytes of the original file, or the nearest to them, and a note on what differs."""
    content, lossy = to_bytes(volume), bool(lossy_marks(volume.source))
    if not original.packed:
        if not lossy and not original.matches(content):
            msg = f"{path}: the restored file does not have the checksum of {original.name}; get another copy"
            raise IntegrityError(msg)
        return content, ""
    if original.layer is None:
        return _packed(content), "" if lossy else "the NIfTI file is the original, the gzip layer is not"
    packed = original.layer.pack(content)
    same = original.matches(packed)
    return packed, "" if same else "the gzip layer is not the original: this build of zlib makes other bytes"


def _put(data: bytes, destination: Path, *, overwrite: bool) -> str:
    if destination.is_file() and not overwrite:
        there = destination.read_bytes()
        if decompress(there, place=str(destination)) == decompress(data, place=str(destination)):
            return "present"
    check_destination(destination, overwrite=overwrite)
    with write_atomically(destination) as file:
        file.write(data)
    return "restored"


def _packed(content: bytes) -> bytes:
    file = io.BytesIO()
    with compressing(file, ".gz") as packed:
        packed.write(content)
    return file.getvalue()


def _copy(path: Path, destination: Path, reason: str, *, overwrite: bool) -> Done:
    copied = put_file(path, destination.with_name(path.name), overwrite=overwrite)
    size = path.stat().st_size
    return Done(path.name, "copied" if copied else "present", size, size, f"copied as it is: {reason}")


def _check_nifti(volume: Volume, path: Path) -> None:
    if volume.source.format != "nifti":
        msg = f"{path}: is named like a NIfTI file, but is a {volume.source.format} file"
        raise FormatError(msg)


def _plain(name: str, path: Path) -> str:
    if not name or name in (".", "..") or any(mark in name for mark in ("/", "\\", ":", "\0")):
        msg = f"{path}: names {name!r} as its original, which is no name of a file; it may be damaged"
        raise FormatError(msg)
    return name
