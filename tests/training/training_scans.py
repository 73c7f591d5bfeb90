"""Volumes to train on, made up."""

from __future__ import annotations

import numpy as np


def moving_blobs(shape: tuple[int, ...], seed: int, top: int = 900) -> np.ndarray:
    """Return smooth noise that changes slowly along the last axes."""
    random = np.random.default_rng(seed)
    coarse = random.random([-(-size // 8) + 1 for size in shape])
    for axis, size in enumerate(shape):
        at = np.arange(size) / 8
        low = at.astype(int)
        part = (at - low).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        coarse = coarse.take(low, axis) * (1 - part) + coarse.take(low + 1, axis) * part
    return np.round(coarse * top + random.normal(0, top / 100, shape)).clip(0, top)
