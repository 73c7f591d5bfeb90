"""Loading speed: whole volumes and random patches from .medc, .nii.gz, .nii, blosc2 and zarr.

Every read opens its file anew, as a data set in training does, and gives stored values as an array. Needs
``medcodec[bench,zarr]`` and Linux (for the bytes read). Run it on an otherwise idle machine:

    python -m benchmarks.loading VOLUME.nii.gz ... --mirrored VOLUME.nii.gz --output docs/results/loading.md
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blosc2
import nibabel as nib
import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import BloscCodec

import medcodec
from medcodec.integrations.zarr import MedcodecChunks
from medcodec.integrations.zarr import register as register_zarr

AnyArray = npt.NDArray[Any]
Key = tuple[slice, ...]
PATCH = 96
CHUNK, BLOCK = 64, 32


@dataclass(frozen=True)
class Format:
    """How to write a volume, and how to read all or a part of it."""

    name: str
    write: Callable[[AnyArray, Path], Path]
    read: Callable[[Path, Key], AnyArray]
    slow: bool = False


def _nifti(suffix: str) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"scan{suffix}"
        nib.openers.Opener.default_compresslevel = 6
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
        return path

    return write


def _read_nifti(path: Path, key: Key) -> AnyArray:
    # Without a memory map, whose reads the system does not count.
    return np.asarray(nib.load(path, mmap=False).dataobj[key])


def _write_blosc2(voxels: AnyArray, folder: Path) -> Path:
    path = folder / "scan.b2nd"
    chunks, blocks = ([min(edge, size) for size in voxels.shape] for edge in (CHUNK, BLOCK))
    cparams = {"codec": blosc2.Codec.ZSTD, "clevel": 5, "filters": [blosc2.Filter.SHUFFLE]}
    blosc2.asarray(
        np.ascontiguousarray(voxels),
        urlpath=str(path),
        mode="w",
        chunks=chunks,
        blocks=blocks,
        cparams=cparams,
    )
    return path


def _read_blosc2(path: Path, key: Key) -> AnyArray:
    return np.asarray(blosc2.open(str(path), mode="r")[key])


def _zarr(name: str, **options: Any) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"{name}.zarr"
        zarr.create_array(str(path), data=voxels, chunks=(CHUNK,) * 3, **options)
        return path

    return write


def _read_zarr(path: Path, key: Key) -> AnyArray:
    return np.asarray(zarr.open_array(str(path), mode="r")[key])


def _medc(name: str, **options: Any) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"{name}.medc"
        medcodec.compress(voxels, path, verify=False, **options)
        return path

    return write


def _read_medc(path: Path, key: Key) -> AnyArray:
    with medcodec.open(path) as file:
        return np.asarray(file[key])


def formats() -> list[Format]:
    """Return what is compared."""
    blosc = {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")}
    coded = {"serializer": MedcodecChunks(options={"effort": "fastest"}), "compressors": None}
    small = {"group_frames": BLOCK, "tile": BLOCK}
    return [
        Format(".nii.gz (level 6)", _nifti(".nii.gz"), _read_nifti),
        Format(".nii", _nifti(".nii"), _read_nifti),
        Format(f"blosc2 (zstd 5, shuffle, {CHUNK}/{BLOCK})", _write_blosc2, _read_blosc2),
        Format(f"zarr 3 (blosc zstd 5, {CHUNK})", _zarr("blosc", **blosc), _read_zarr),
        Format(f"zarr 3 (medcodec fastest, {CHUNK})", _zarr("medcodec", **coded), _read_zarr),
        Format(".medc fastest", _medc("fastest", effort="fastest"), _read_medc),
        Format(f".medc fastest, boxes of {BLOCK}", _medc("boxes", effort="fastest", **small), _read_medc),
        Format(".medc default", _medc("default"), _read_medc, slow=True),
    ]


def measure(form: Format, path: Path, keys: list[Key], seconds: float) -> dict[str, float]:
    """Return the medians of wall and processor time of a read, and the mean of the bytes that it reads."""
    walls, processors, began = [], [], time.perf_counter()
    form.read(path, keys[0])
    read_before = _bytes_read()
    for key in keys:
        wall, processor = time.perf_counter(), time.process_time()
        form.read(path, key)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
        if time.perf_counter() - began > seconds and len(walls) >= 3:
            break
    read = (_bytes_read() - read_before) / len(walls)
    return {"wall": float(np.median(walls)), "processor": float(np.median(processors)), "read": read}


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def _stored_bytes(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def patches(shape: tuple[int, ...], count: int) -> list[Key]:
    """Return the same random patches for every format."""
    rng = np.random.default_rng(0)
    starts = [[int(rng.integers(max(1, size - PATCH + 1))) for size in shape] for _ in range(count)]
    return [tuple(slice(at, at + PATCH) for at in start) for start in starts]


def volumes(paths: list[Path], mirrored: Path | None) -> Iterator[tuple[str, AnyArray, bool]]:
    """Yield name, stored values, and whether the volume is too large for slow formats."""
    for path in paths:
        yield path.name.split(".")[0], _stored(path), False
    if mirrored is not None:
        voxels = _stored(mirrored)
        # Not twice along the first axis nor along the second: gzip would find the repeats.
        added = [(0, n * (size - 1)) for n, size in zip((1, 0, 3), voxels.shape, strict=True)]
        yield f"{mirrored.name.split('.')[0]}, mirrored 2 x 1 x 4", np.pad(voxels, added, "reflect"), True


def _stored(path: Path) -> AnyArray:
    return np.ascontiguousarray(nib.load(path).dataobj.get_unscaled())


def table(name: str, voxels: AnyArray, *, large: bool, seconds: float) -> Iterator[str]:
    """Yield the lines of one volume's table."""
    yield f"### {name}: {' x '.join(map(str, voxels.shape))}, {voxels.dtype}\n"
    yield "| format | MB | whole: ms (CPU ms) | patch: ms (CPU ms) | patches/s | per CPU-s | MB per patch |"
    yield "|---|---|---|---|---|---|---|"
    everything = (slice(None),) * voxels.ndim
    for form in formats():
        if form.slow and large:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = form.write(voxels, Path(folder))
            assert np.array_equal(form.read(path, everything), voxels)
            whole = measure(form, path, [everything] * 20, seconds)
            part = measure(form, path, patches(voxels.shape, 200), seconds)
            size = _stored_bytes(path)
        yield (
            f"| {form.name} | {size / 1e6:.2f} | {_times(whole)} | {_times(part)} | {1 / part['wall']:.1f} | "
            f"{1 / max(part['processor'], 1e-9):.1f} | {part['read'] / 1e6:.2f} |"
        )
        print(form.name, size, whole, part, file=sys.stderr)
    yield ""


def _times(measured: dict[str, float]) -> str:
    return f"{1000 * measured['wall']:.1f} ({1000 * measured['processor']:.1f})"


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "volumes", type=Path, nargs="*", help="NIfTI files, at least 96 voxels along each axis"
    )
    parser.add_argument("--mirrored", type=Path, help="a volume to make eight times as large by reflection")
    parser.add_argument("--seconds", type=float, default=4, help="time for each measurement")
    parser.add_argument(
        "--output", type=Path, required=True, help="a Markdown file; text above its tables is kept"
    )
    options = parser.parse_args()
    register_zarr()
    load = os.getloadavg()[0]
    lines = [
        f"Python {platform.python_version()}, NumPy {np.__version__}, nibabel {nib.__version__}, "
        f"blosc2 {blosc2.__version__}, zarr {zarr.__version__}, medcodec {medcodec.__version__}; "
        f"{os.cpu_count()} cores, load {load:.1f} when it began.\n"
    ]
    for name, voxels, large in volumes(options.volumes, options.mirrored):
        lines += table(name, voxels, large=large, seconds=options.seconds)
    mark = "<!-- measured -->\n"
    kept = options.output.read_text(encoding="utf-8").split(mark)[0] if options.output.exists() else ""
    options.output.write_text(f"{kept}{mark}\n" + "\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
