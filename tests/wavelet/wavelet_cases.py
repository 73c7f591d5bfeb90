"""Volumes for tests of the wavelet codec, and coding them without a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet.codec import WaveletCodec

PLAIN = {"size": "none"}


def phantom(shape: tuple[int, ...], dtype: Any = np.int16, *, noise: float = 6, seed: int = 3) -> np.ndarray:
    """Return ellipsoids that drift along the last axis, a ramp, and noise, as a scanner might give them."""
    grid = np.meshgrid(*(np.linspace(-1, 1, size) if size > 1 else [0.1] for size in shape), indexing="ij")
    random = np.random.default_rng(seed)
    values = 40 * grid[0] + 20 * grid[-1]
    for size, level in ((0.9, 220), (0.55, 160), (0.25, 380)):
        centre = random.uniform(-0.25, 0.25, len(shape))
        drift = 0.2 * grid[-1]
        radius = sum(
            (axis - middle - drift * (n == 0)) ** 2
            for n, (axis, middle) in enumerate(zip(grid, centre, strict=True))
        )
        values = values + level * (radius < size**2)
    values = values + random.normal(0, noise, shape) + 100
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    if kind.itemsize == 1:
        values = values / 4 + limits.min + 10
    return np.clip(np.rint(values), limits.min, limits.max).astype(kind)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Return the PSNR in dB over the range of the first."""
    wanted = first.astype(np.float64)
    error = np.mean((wanted - second.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(np.ptp(wanted) ** 2 / error))


def coded(voxels: np.ndarray, **settings: Any) -> tuple[WaveletCodec, bytes]:
    """Return the codec, as a file would name it, and a group, shape (sequences, frames, height, width)."""
    codec = WaveletCodec(**{**PLAIN, **settings}).prepare(voxels)
    data = codec.encode(FrameGroup(np.ascontiguousarray(voxels)))
    return WaveletCodec.from_dict(codec.to_dict()), data


def pieces(shape: tuple[int, int, int], *, seed: int = 8, noise: float = 4) -> np.ndarray:
    """Return frames along the last axis whose quarters move apart, each its own way."""
    height, width, frames = shape
    random = np.random.default_rng(seed)
    texture = np.kron(random.normal(500, 150, (height // 2 + 20, width // 2 + 20)), np.ones((4, 4)))
    out = np.empty(shape, np.int16)
    for frame in range(frames):
        for number, (row, column) in enumerate(np.ndindex(2, 2)):
            rows = slice(row * height // 2, (row + 1) * height // 2)
            columns = slice(column * width // 2, (column + 1) * width // 2)
            y, x = 40 + frame * (3, -2, 1, -4)[number], 40 + frame * (-2, -3, 4, 1)[number]
            from_rows = slice(rows.start + y, rows.stop + y)
            out[rows, columns, frame] = texture[from_rows, columns.start + x : columns.stop + x]
    return out + np.rint(random.normal(0, noise, shape)).astype(np.int16)


def vessels(shape: tuple[int, int, int], *, seed: int = 6) -> np.ndarray:
    """Return bright tubes that are cut off at a threshold, 0 around them, uint8."""
    random = np.random.default_rng(seed)
    y, x, z = np.indices(shape)
    inside = np.hypot(y - shape[0] / 2 - 15 * np.sin(x / 9 + z / 3), z - shape[2] / 2) < 3.5
    inside |= np.hypot(y - x / 2, z - shape[2] / 2) < 2.5
    return np.where(inside, 120 + random.integers(0, 60, shape), 0).astype(np.uint8)
