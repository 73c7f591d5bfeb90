"""Small volumes and files for the container's tests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from codec_for_tests import LzmaCodec

from medcodec.api import open_medc
from medcodec.codecs.base import Codec
from medcodec.container.choice import choose_grid
from medcodec.container.writer import write_stream
from medcodec.volume import from_array
from medcodec.volume.frames import Grid, frame_axes, frame_layout
from medcodec.volume.model import Volume


def smooth_volume(
    shape: tuple[int, ...], dtype: Any = np.int16, *, seed: int = 0, order: str = "F"
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ramps = sum(
        np.cos(np.arange(n) / 3 + axis).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        for axis, n in enumerate(shape)
    )
    values = 100 + 40 * ramps + rng.integers(0, 4, shape)
    return np.asarray(np.clip(values, 0, 250), order=order).astype(dtype, order=order)


def coded(
    voxels: np.ndarray | Volume,
    *,
    codec: Codec | None = None,
    axis: int | None = None,
    group_frames: int | None = None,
    tile: int | None = None,
    grid: Grid | None = None,
    **options: Any,
) -> bytes:
    volume = voxels if isinstance(voxels, Volume) else from_array(voxels)
    codec = codec or LzmaCodec()
    layout = frame_layout(volume.voxels, frame_axes(volume.voxels.shape)[0] if axis is None else axis)
    grid = grid or choose_grid(layout, codec, group_frames=group_frames, tile=tile)
    file = io.BytesIO()
    written = write_stream(file, volume, codec, layout, grid, **options)
    assert written.file_bytes == len(file.getvalue())
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    with open_medc(io.BytesIO(data)) as file:
        return np.asarray(file)
