"""The example trains from .medc files in worker processes; compression costs Dice only where coarse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import medcodec

torch = pytest.importorskip("torch", reason="needs medcodec[monai]")
pytest.importorskip("monai", reason="needs medcodec[monai]")

ROOT = Path(__file__).parents[2]


def write_pairs(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    grid = np.stack(np.mgrid[:32, :32, :32])
    for number in range(count):
        centre, radius = rng.uniform(12, 20, (3, 1, 1, 1)), rng.uniform(7, 10)
        ball = ((grid - centre) ** 2).sum(axis=0) < radius**2
        image = (100 * ball + 40 + rng.normal(0, 12, ball.shape)).astype(np.int16)
        for name, voxels in {f"{number}": image, f"{number}_label": ball.astype(np.uint8)}.items():
            medcodec.compress(voxels, folder / f"{name}.medc", effort="fastest", group_frames=16, tile=16)


def test_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "recipes"))
    import train_monai

    # Others may be using the processors.
    torch.set_num_threads(1)
    write_pairs(tmp_path, 8)
    options = ["--steps", "24", "--patch", "24", "--max-errors", "0", "4", "200"]
    (_, exact, full), (_, near, less), (_, coarse, least) = train_monai.main([str(tmp_path), *options])
    assert exact > 0.6
    assert abs(near - exact) < 0.1
    assert coarse < exact
    assert full > less > least
