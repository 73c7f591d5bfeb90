"""PyTorch datasets over .medc files: whole volumes by index, and an endless supply of random patches.

No geometry, no transforms, no channels other than those of the file: for these use MONAI or torchio.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import medcodec
from medcodec.container.reader import MedcFile
from medcodec.errors import MedcodecError, OptionError
from medcodec.integrations.extras import missing

try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ImportError as error:
    raise missing(error, extra="torch") from error

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
# The dtypes of NumPy that PyTorch computes with in full; others become the next wider one.
_WIDER = {"u2": np.int32, "u4": np.int64, "u8": np.float64}


def find_volumes(paths: Paths) -> list[Path]:
    """Return the .medc files of a folder and those below it, sorted; or the files that are named.

    Raises
    ------
    MedcodecError
        If there are none.
    """
    if not isinstance(paths, str | os.PathLike):
        return [Path(path) for path in paths]
    folder = Path(paths)
    found = sorted(folder.rglob("*.medc")) if folder.is_dir() else [folder]
    if not found:
        msg = f"{folder}: holds no .medc files; make them with: medcodec compress {folder} OUT"
        raise MedcodecError(msg)
    return found


def decoding_threads() -> int | None:
    """Return 1 in a worker process of a ``DataLoader``, which runs beside others; None (all) elsewhere."""
    return None if get_worker_info() is None else 1


def to_tensor(voxels: npt.NDArray[Any]) -> Any:
    """Return voxels as a tensor of the same, or the next wider, dtype."""
    wider = _WIDER.get(voxels.dtype.str[1:], voxels.dtype.newbyteorder("="))
    return torch.from_numpy(np.require(voxels, wider, ["C", "W"]))


def read_scaled(file: MedcFile, key: Any = ...) -> npt.NDArray[np.float32]:
    """Return ``file[key]`` with slope and intercept applied, as float32."""
    voxels = np.asarray(file[key], np.float32)
    return voxels if (file.slope, file.intercept) == (1, 0) else voxels * file.slope + file.intercept


class MedcodecDataset(Dataset):
    """Whole volumes by index.

    Parameters
    ----------
    paths
        A folder, or the files.
    scaled
        Give float32 values with slope and intercept applied; otherwise stored ones.
    transform
        Called with each ``{"image": tensor, "affine": tensor, "path": str}``.

    Raises
    ------
    MedcodecError
        If there are no files, or one that is read is damaged.
    """

    def __init__(
        self, paths: Paths, *, scaled: bool = True, transform: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        self.paths = find_volumes(paths)
        self.scaled = scaled
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        with medcodec.open(self.paths[index], threads=decoding_threads()) as file:
            item = _item(file, ..., scaled=self.scaled)
        return item if self.transform is None else self.transform(item)


class MedcodecPatches(IterableDataset):
    """Random patches of all volumes, one volume after another; each pass has another order and other places.

    Files are shared out among the workers of a ``DataLoader`` and, where ``torch.distributed`` runs, among
    its processes. A patch decodes only the groups that it touches.

    Parameters
    ----------
    paths
        A folder, or the files.
    patch_size
        Voxels along the first axes; further axes are kept whole, and smaller volumes give smaller patches.
    patches_per_volume
        How many are taken from a volume while it is open; groups that two of them touch are decoded once.
    seed
        The same seed gives the same patches, for the same number of workers.
    scaled, transform
        As for `MedcodecDataset`; items also have their ``start``.

    Raises
    ------
    OptionError
        If a size or count is not positive.
    MedcodecError
        If there are no files, or one that is read is damaged.
    """

    def __init__(
        self,
        paths: Paths,
        *,
        patch_size: Sequence[int] = (96, 96, 96),
        patches_per_volume: int = 4,
        seed: int = 0,
        scaled: bool = True,
        transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        if min(*patch_size, patches_per_volume) < 1:
            msg = f"patch_size {tuple(patch_size)} and {patches_per_volume} patches: give positive numbers"
            raise OptionError(msg)
        self.paths = find_volumes(paths)
        self.patch_size = tuple(patch_size)
        self.patches_per_volume = patches_per_volume
        self.seed = seed
        self.scaled = scaled
        self.transform = transform
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order and the places of the next pass; needed where workers live through several."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        rank, ranks = _share()
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.paths))
        rng = np.random.default_rng([self.seed, self.epoch, rank + 1])
        self.epoch += 1
        for number in order[rank::ranks]:
            with medcodec.open(self.paths[number], threads=decoding_threads()) as file:
                for _ in range(self.patches_per_volume):
                    item = self._patch(file, rng)
                    yield item if self.transform is None else self.transform(item)

    def _patch(self, file: MedcFile, rng: np.random.Generator) -> dict[str, Any]:
        start = [
            int(rng.integers(max(0, n - m) + 1)) for n, m in zip(file.shape, self.patch_size, strict=False)
        ]
        key = tuple(slice(at, at + size) for at, size in zip(start, self.patch_size, strict=False))
        return {**_item(file, key, scaled=self.scaled), "start": torch.tensor(start)}


def _item(file: MedcFile, key: Any, *, scaled: bool) -> dict[str, Any]:
    image = to_tensor(read_scaled(file, key) if scaled else np.asarray(file[key]))
    return {"image": image, "affine": torch.from_numpy(file.affine), "path": file.name}


def _share() -> tuple[int, int]:
    """Return which share of the files is this process's, and how many there are."""
    worker = get_worker_info()
    number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
    spread = torch.distributed.is_available() and torch.distributed.is_initialized()
    rank, ranks = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if spread else (0, 1)
    return rank * workers + number, ranks * workers
