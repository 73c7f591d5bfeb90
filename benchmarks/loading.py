"""Loading speed: whole volumes and random patches from .medc, .nii.gz, .nii, blosc2 and zarr.

Patches are read in two ways: each from a file that is opened anew, and eight in a row from an open file, as
data sets do that take several of a volume (from .nii and .nii.gz these load the volume once). Whatever
decodes in threads has two. The formats take turns, so that a busy machine hinders all alike. Needs
``medcodec[bench,zarr]`` and Linux (for the bytes read). Run it on an otherwise idle machine:

    python -m benchmarks.loading VOLUME.nii.gz ... --mirrored VOLUME.nii.gz --output docs/results/loading.md
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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
THREADS = 2
IN_A_ROW = 8
SLOW_ROUNDS = 3


@dataclass(frozen=True)
class Format:
    """How to write a volume, and how to open it: indexing what is opened gives a part.

    With ``loads``, a data set that takes several patches of a volume reads all of it once.
    """

    name: str
    write: Callable[[AnyArray, Path], Path]
    open: Callable[[Path], Any]
    loads: bool = False
    slow: bool = False

    def read(self, path: Path, keys: Sequence[Key]) -> AnyArray:
        """Open the file, and return the last of several parts that are read."""
        opened = self.open(path)
        if self.loads and len(keys) > 1:
            opened = np.asarray(opened[...])
        for key in keys:
            part = np.array(opened[key])
        if hasattr(opened, "close"):
            opened.close()
        return part


def _nifti(suffix: str) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"scan{suffix}"
        nib.openers.Opener.default_compresslevel = 6
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
        return path

    return write


def _open_nifti(path: Path) -> Any:
    # Without a memory map, whose reads the system does not count.
    return nib.load(path, mmap=False).dataobj


def _blosc2(name: str, **options: Any) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"{name}.b2nd"
        blosc2.asarray(np.ascontiguousarray(voxels), urlpath=str(path), mode="w", **options)
        return path

    return write


def _open_blosc2(path: Path) -> Any:
    return blosc2.open(str(path), mode="r", dparams={"nthreads": THREADS})


def _blosc2_options(chunk: int, filter_: Any) -> dict[str, Any]:
    cparams = {"codec": blosc2.Codec.ZSTD, "clevel": 5, "filters": [filter_]}
    return {"chunks": [chunk] * 3, "blocks": [BLOCK] * 3, "cparams": cparams}


def _zarr(name: str, **options: Any) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"{name}.zarr"
        zarr.create_array(str(path), data=voxels, chunks=(CHUNK,) * 3, **options)
        return path

    return write


def _open_zarr(path: Path) -> Any:
    return zarr.open_array(str(path), mode="r")


def _medc(name: str, **options: Any) -> Callable[[AnyArray, Path], Path]:
    def write(voxels: AnyArray, folder: Path) -> Path:
        path = folder / f"{name}.medc"
        medcodec.compress(voxels, path, verify=False, **options)
        return path

    return write


def _open_medc(path: Path) -> Any:
    return medcodec.open(path, threads=THREADS)


def formats() -> list[Format]:
    """Return what is compared."""
    blosc = {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="shuffle")}
    coded = {"serializer": MedcodecChunks(options={"effort": "fastest"}), "compressors": None}
    small = {"group_frames": BLOCK, "tile": BLOCK}
    shuffled = _blosc2_options(CHUNK, blosc2.Filter.SHUFFLE)
    bits = _blosc2_options(BLOCK, blosc2.Filter.BITSHUFFLE)
    return [
        Format(".nii.gz (level 6)", _nifti(".nii.gz"), _open_nifti, loads=True),
        Format(".nii", _nifti(".nii"), _open_nifti, loads=True),
        Format("blosc2 (its defaults)", _blosc2("defaults"), _open_blosc2),
        Format(f"blosc2 (zstd 5, shuffle, {CHUNK}/{BLOCK})", _blosc2("shuffle", **shuffled), _open_blosc2),
        Format(f"blosc2 (zstd 5, bitshuffle, {BLOCK})", _blosc2("bits", **bits), _open_blosc2),
        Format(f"zarr 3 (blosc zstd 5, {CHUNK})", _zarr("blosc", **blosc), _open_zarr),
        Format(f"zarr 3 (medcodec fastest, {CHUNK})", _zarr("medcodec", **coded), _open_zarr),
        Format(".medc fastest", _medc("fastest", effort="fastest"), _open_medc),
        Format(".medc fastest, --patches", _medc("boxes", effort="fastest", **small), _open_medc),
        Format(".medc default", _medc("default"), _open_medc, slow=True),
    ]


class Times:
    """Wall and processor times of reads that do the same."""

    def __init__(self) -> None:
        self.walls: list[float] = []
        self.processors: list[float] = []
        self.read: list[int] = []

    def take(self, form: Format, path: Path, keys: Sequence[Key]) -> None:
        """Read once, and note the times by part."""
        before, wall, processor = _bytes_read(), time.perf_counter(), time.process_time()
        form.read(path, keys)
        self.walls.append((time.perf_counter() - wall) / len(keys))
        self.processors.append((time.process_time() - processor) / len(keys))
        self.read.append(_bytes_read() - before)

    @property
    def wall(self) -> float:
        """Median, in seconds."""
        return float(np.median(self.walls))

    @property
    def processor(self) -> float:
        """Median, in seconds."""
        return max(float(np.median(self.processors)), 1e-9)


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
    everything = [(slice(None),) * voxels.ndim]
    compared = [form for form in formats() if not (form.slow and large)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [form.write(voxels, Path(folder)) for form in compared]
        for form, path in zip(compared, paths, strict=True):
            assert np.array_equal(form.read(path, everything), voxels), form.name
        times = [(Times(), Times(), Times()) for _ in compared]
        keys, ends = patches(voxels.shape, 1000), time.perf_counter() + seconds
        for number in itertools.count():
            if number >= SLOW_ROUNDS and time.perf_counter() > ends:
                break
            for form, path, (whole, one, row) in zip(compared, paths, times, strict=True):
                if form.slow and number >= SLOW_ROUNDS:
                    continue
                one.take(form, path, [keys[number]])
                if number % IN_A_ROW == 0:
                    whole.take(form, path, everything)
                    row.take(form, path, keys[number : number + IN_A_ROW])
        sizes = [_stored_bytes(path) for path in paths]
    yield f"### {name}: {' x '.join(map(str, voxels.shape))}, {voxels.dtype}\n"
    yield (
        "| format | MB | whole: ms (CPU ms) | patch: ms (CPU ms) | patches/s | per CPU-s | MB per patch | "
        f"{IN_A_ROW} of an open file: ms each (CPU ms) |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for form, size, (whole, one, row) in zip(compared, sizes, times, strict=True):
        yield (
            f"| {form.name} | {size / 1e6:.2f} | {_shown(whole)} | {_shown(one)} | {1 / one.wall:.1f} | "
            f"{1 / one.processor:.1f} | {np.mean(one.read) / 1e6:.2f} | {_shown(row)} |"
        )
        print(form.name, size, _shown(whole), _shown(one), _shown(row), len(one.walls), file=sys.stderr)
    yield ""


def _shown(times: Times) -> str:
    return f"{1000 * times.wall:.1f} ({1000 * times.processor:.1f})"


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "volumes", type=Path, nargs="*", help="NIfTI files, at least 96 voxels along each axis"
    )
    parser.add_argument("--mirrored", type=Path, help="a volume to make eight times as large by reflection")
    parser.add_argument("--seconds", type=float, default=60, help="time for each volume")
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
