"""PyTorch datasets over .medc files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import medcodec
from medcodec.errors import MedcodecError, OptionError

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")

from snippets import run_page

from medcodec.integrations.torch import MedcodecDataset, MedcodecPatches, find_volumes, to_tensor

Scan = tuple[Path, Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five volumes, each with its own number in all voxels' last digit."""
    folder = tmp_path_factory.mktemp("volumes")
    for number in range(5):
        voxels = np.arange(20 * 18 * 16, dtype=np.int16).reshape(20, 18, 16) // 8 * 8 + number
        target = folder / ("sub" if number > 2 else ".")
        target.mkdir(exist_ok=True)
        medcodec.compress(voxels, target / f"{number}.medc", effort="fastest", group_frames=8, tile=8)
    return folder


def test_volumes_are_found_and_read_scaled(scan: Scan) -> None:
    item = MedcodecDataset(scan[1])[0]
    assert item["image"].dtype == torch.float32
    np.testing.assert_array_equal(item["image"], nib.load(scan[0]).get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(item["affine"], nib.load(scan[0]).affine)
    stored = MedcodecDataset([scan[1]], scaled=False)[0]["image"]
    np.testing.assert_array_equal(stored, nib.load(scan[0]).dataobj.get_unscaled())


def test_folder_is_searched(folder: Path, tmp_path: Path) -> None:
    assert [path.name for path in find_volumes(folder)] == [f"{number}.medc" for number in range(5)]
    with pytest.raises(MedcodecError, match="holds no"):
        find_volumes(tmp_path)


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "u4", "i2", ">i4", "f4", "f8"])
def test_tensors_hold_every_value(dtype: str) -> None:
    values = np.array([0, 1, 200 if dtype == "u1" else 30_000], dtype)
    assert to_tensor(values).tolist() == values.tolist()


@pytest.mark.parametrize("workers", [0, 2, 3])
def test_every_volume_once_whatever_the_workers(folder: Path, workers: int) -> None:
    patches = MedcodecPatches(folder, patch_size=(5, 6, 7), patches_per_volume=2, scaled=False)
    batches = list(torch.utils.data.DataLoader(patches, batch_size=None, num_workers=workers))
    assert sorted(int(item["image"][0, 0, 0]) % 8 for item in batches) == sorted([*range(5)] * 2)
    for item in batches:
        with medcodec.open(item["path"]) as file:
            i, j, k = item["start"].tolist()
            np.testing.assert_array_equal(item["image"], file[i : i + 5, j : j + 6, k : k + 7])


def test_passes_differ_and_seeds_repeat(folder: Path) -> None:
    def starts(patches: MedcodecPatches) -> list[object]:
        return [(item["path"], item["start"].tolist()) for item in patches]

    one, other = (MedcodecPatches(folder, patch_size=(4, 4, 4)) for _ in range(2))
    first = starts(one)
    assert first == starts(other)
    assert first != starts(one)
    other.set_epoch(0)
    assert first == starts(other)


def test_patches_larger_than_the_volume_are_the_volume(folder: Path) -> None:
    item = next(iter(MedcodecPatches(folder, patch_size=(96, 96, 8))))
    assert item["image"].shape == (20, 18, 8)


def test_a_patch_decodes_only_its_groups(folder: Path, decoded_groups: list[int]) -> None:
    next(iter(MedcodecPatches(folder, patch_size=(4, 4, 4))))
    assert 1 <= len(decoded_groups) <= 8


def test_bad_sizes_are_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="positive"):
        MedcodecPatches(folder, patch_size=(0, 4, 4))


def test_importing_medcodec_or_its_integrations_loads_no_torch(tmp_path: Path) -> None:
    script = "import sys, medcodec, medcodec.integrations; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)


def test_page(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets.iterable_dataset", reason="needs Hugging Face datasets")
    monkeypatch.chdir(tmp_path)
    run_page("pytorch.md", folder=str(folder))


def test_page_without_hugging_face(folder: Path) -> None:
    run_page("pytorch.md", first=1, folder=str(folder))
