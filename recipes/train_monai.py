"""Train a small segmentation network from .medc files with MONAI, and report Dice at several error bounds.

A folder holds pairs of files, ``NAME.medc`` and ``NAME_label.medc``; every fourth is kept for evaluation.

    python recipes/train_monai.py FOLDER --steps 200 --max-errors 0 2 8 32
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import CacheDataset, DataLoader, Dataset
from monai.inferers import sliding_window_inference
from monai.losses import DiceLoss
from monai.metrics import DiceMetric
from monai.networks.nets import UNet
from monai.transforms import (
    AsDiscreted,
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    NormalizeIntensityd,
    RandSpatialCropd,
)
from monai.utils import set_determinism

from medcodec.integrations.monai import CompressRoundTripd, LoadCropd, RandCompressRoundTripd, register

KEYS = ["image", "label"]


def find_pairs(folder: Path) -> list[dict[str, str]]:
    """Return images with their labels, sorted by name."""
    labels = sorted(folder.glob("*_label.medc"))
    return [{"image": str(path).replace("_label.medc", ".medc"), "label": str(path)} for path in labels]


def normalise() -> list[Any]:
    """Return the transforms that training and evaluation share."""
    return [NormalizeIntensityd("image"), AsDiscreted("label", threshold=0.5)]


def train(
    pairs: Sequence[dict[str, str]],
    *,
    steps: int,
    patch: int = 32,
    workers: int = 2,
    max_errors: Sequence[float] = (),
) -> tuple[torch.nn.Module, list[float]]:
    """Return a network trained on random patches, and its loss at each step.

    Parameters
    ----------
    pairs
        From `find_pairs`.
    steps
        Batches of four patches.
    patch
        Edge of a patch in voxels; only the groups that it touches are decoded.
    workers
        Processes that read.
    max_errors
        Error bounds to draw from as augmentation.
    """
    crop = RandSpatialCropd(KEYS, roi_size=patch, random_size=False)
    augment = [RandCompressRoundTripd("image", [{"max_error": n} for n in max_errors])] if max_errors else []
    dataset = Dataset(
        list(pairs) * -(-4 * steps // len(pairs)), Compose([LoadCropd(KEYS, crop), *augment, *normalise()])
    )
    network = UNet(3, 1, 1, channels=(8, 16, 32), strides=(2, 2), norm="batch")
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    dice_loss, losses = DiceLoss(sigmoid=True), []
    for batch in DataLoader(dataset, batch_size=4, shuffle=True, num_workers=workers):
        loss = dice_loss(network(batch["image"].as_tensor()), batch["label"].as_tensor())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == steps:
            break
    return network, losses


@torch.no_grad()
def evaluate(
    network: torch.nn.Module, pairs: Sequence[dict[str, str]], *, max_error: float, patch: int = 32
) -> tuple[float, float]:
    """Return mean Dice, and mean bits per voxel, of images that were compressed with an error bound."""
    load = [LoadImaged(KEYS), EnsureChannelFirstd(KEYS), CompressRoundTripd("image", max_error=max_error)]
    metric, rates = DiceMetric(), []
    network.eval()
    for item in CacheDataset(list(pairs), Compose([*load, *normalise()]), progress=False):
        found = sliding_window_inference(item["image"].as_tensor()[None], patch, 4, network) > 0
        metric(found.float(), item["label"].as_tensor()[None])
        rates.append(item["image"].meta["medcodec"][-1]["bits_per_voxel"])
    network.train()
    return float(metric.aggregate()), sum(rates) / len(rates)


def main(arguments: Sequence[str] | None = None) -> list[tuple[float, float, float]]:
    """Train, and print a line per error bound; return its bound, Dice and bits per voxel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--patch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--max-errors", type=float, nargs="+", default=[0, 2, 8, 32])
    parser.add_argument("--augment", action="store_true", help="train under these error bounds too")
    options = parser.parse_args(arguments)
    register()
    set_determinism(0)
    pairs = find_pairs(options.folder)
    network, losses = train(
        [pair for number, pair in enumerate(pairs) if number % 4],
        steps=options.steps,
        patch=options.patch,
        workers=options.workers,
        max_errors=options.max_errors if options.augment else (),
    )
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    results = []
    for bound in options.max_errors:
        dice, rate = evaluate(network, pairs[::4], max_error=bound, patch=options.patch)
        print(f"max_error {bound:g}: Dice {dice:.3f} at {rate:.2f} bits per voxel")
        results.append((bound, dice, rate))
    return results


if __name__ == "__main__":
    main()
