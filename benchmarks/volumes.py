"""Volumes for the benchmarks: finding files, reading stored voxels, and the views that rivals get.

Not the volume model of medcodec: a rival must not depend on the code that it is compared with.
"""

from __future__ import annotations

import glob
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]

SUFFIXES = (".nii.gz", ".nii", ".mgz", ".mgh", ".npy")


@dataclass(frozen=True)
class Source:
    """One file to measure.

    Parameters
    ----------
    name
        The file relative to the folder that was asked for: its identity in the tables.
    path
        Where the file is.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class IntegerView:
    """A stack as unsigned integers from 0, for codecs that take nothing else.

    Parameters
    ----------
    values
        Same shape as the stack, ``uint8`` or ``uint16``.
    bits
        Number of bits of the greatest value, at least 1.
    """

    values: AnyArray
    bits: int


def find_sources(patterns: Iterable[str], suffixes: tuple[str, ...] = SUFFIXES) -> list[Source]:
    """Return the volumes that files, folders (searched to the bottom) and globs name, without repeats.

    Raises
    ------
    FileNotFoundError
        If a pattern names nothing.
    """
    found: dict[Path, Source] = {}
    for pattern in patterns:
        sources = _expand(pattern, suffixes)
        if not sources:
            msg = f"{pattern}: no volume found; give files, folders or globs of {', '.join(suffixes)}"
            raise FileNotFoundError(msg)
        for source in sources:
            found.setdefault(source.path.resolve(), source)
    return list(found.values())


def _expand(pattern: str, suffixes: tuple[str, ...]) -> list[Source]:
    root = Path(pattern)
    if root.is_dir():
        files = sorted(path for path in root.rglob("*") if path.name.endswith(suffixes))
        return [Source(path.relative_to(root).as_posix(), path) for path in files]
    paths = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    return [Source(path.name, path) for path in paths if path.name.endswith(suffixes)]


def load_stack(path: Path) -> AnyArray:
    """Return the stored voxels as slices in C order: shape ``(t, z, y, x)``, or ``(z, y, x)`` if 3-D.

    The last axis of a 3-D file is the slice axis; a 2-D image is a stack of one slice. Scale factors are
    not applied. Byte order is native.

    Raises
    ------
    ValueError
        If the file has fewer than 2 or more than 4 axes, or voxels that are not real numbers.
    """
    stored = _read_stored(path)
    if stored.dtype.kind not in "iuf" or not 2 <= stored.ndim <= 4:
        msg = f"{path}: {stored.dtype} with {stored.ndim} axes; only real voxels on 2 to 4 axes are measured"
        raise ValueError(msg)
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(stored.T.reshape(-1, *stored.T.shape[-2:]) if stored.ndim < 4 else stored.T)


def shape_text(stack: AnyArray) -> str:
    """Return the stack's shape in the file's index order, as in "64x64x33x20"."""
    return "x".join(map(str, stack.shape[::-1]))


def _read_stored(path: Path) -> AnyArray:
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    import nibabel as nib  # noqa: PLC0415

    proxy = nib.load(path).dataobj  # type: ignore[attr-defined]
    return np.asarray(proxy.get_unscaled())


def write_plain(path: Path, folder: Path) -> Path:
    """Return an uncompressed copy of a volume in ``folder``: a NIfTI file as it is, others as ``.npy``."""
    if path.name.endswith(".nii.gz"):
        target = folder / path.name[: -len(".gz")]
        target.write_bytes(gzip.decompress(path.read_bytes()))
    elif path.suffix == ".nii":
        target = folder / path.name
        target.write_bytes(path.read_bytes())
    else:
        target = folder / f"{path.name}.npy"
        np.save(target, _read_stored(path))
    return target


def integer_view(stack: AnyArray) -> IntegerView | None:
    """Return the stack as unsigned integers of at most 16 bits, or None if it is not that.

    Floats count if they are integers times one factor, restored bit for bit.
    """
    values = stack
    if stack.dtype.kind == "f":
        step = _common_step(stack)
        if step is None:
            return None
        values = np.round(stack / step).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if high - low > 0xFFFF:
        return None
    shifted = values.astype(np.int64) - low
    dtype = np.uint8 if high - low <= 0xFF else np.uint16
    return IntegerView(shifted.astype(dtype), max((high - low).bit_length(), 1))


def _common_step(stack: AnyArray) -> float | None:
    """Return ``step`` such that every voxel is an integer below 2**24 times it, exactly; or None."""
    if not np.isfinite(stack).all():
        return None
    levels = np.unique(stack)
    gaps = np.diff(levels.astype(np.float64))
    for step in (1.0, float(gaps.min()) if gaps.size else 1.0):
        scaled = stack.astype(np.float64) / step
        if np.abs(scaled).max() >= 2**24:
            continue
        # Through integers, so that a negative zero is not taken for one.
        restored = (np.round(scaled).astype(np.int64) * step).astype(stack.dtype)
        if restored.tobytes() == stack.tobytes():
            return step
    return None
