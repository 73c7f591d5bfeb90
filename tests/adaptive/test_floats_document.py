"""The page on the float stream is enough to write a decoder: one written from it reads our streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from floats_decoder import Decoder

from medcodec.codecs.adaptive.floats import encode_floats

Shape = tuple[int, int, int, int]


def waves(shape: Shape, dtype: str, *, peak: float = 900.0, noise: float = 0.01) -> npt.NDArray[Any]:
    """Return frames with waves, an edge, noise, and a constant corner."""
    s, n, y, x = np.indices(shape)
    values = np.sin(x / 5 + n / 3) * np.cos(y / 4 + s) + 0.4 * (x > 9)
    values += noise * np.random.default_rng(1).standard_normal(shape)
    values[..., :3, :4] = 0
    return (peak * values).astype(dtype)


def special_floats() -> npt.NDArray[Any]:
    values = waves((1, 2, 9, 12), "f4")
    values[0, 0, 4, 4:8] = [np.nan, np.inf, -np.inf, -0.0]
    values[0, 1, 5, 5:9] = [1e-42, 3e38, -3e38, 1e-30]
    return values


def magnitudes(dtype: str, spread: float) -> npt.NDArray[Any]:
    """Return numbers of both signs and of very different sizes."""
    exponents, signs = np.random.default_rng(2).standard_normal((2, 1, 2, 8, 12))
    return (np.sign(signs) * 10.0 ** (spread * exponents)).astype(dtype)


VOLUMES = {
    "one frame": waves((1, 1, 14, 40), "f4"),
    "frames": waves((1, 4, 9, 18), "f4"),
    "sequences": waves((3, 2, 7, 17), "f4"),
    "doubles": waves((1, 2, 8, 18), "f8", peak=1e-3),
    "halves": waves((1, 2, 8, 18), "f2", peak=3),
    "few mantissa bits": (waves((1, 2, 8, 18), "f4").view("u4") & 0xFFFFE000).view("f4"),
    "wide integers": waves((1, 2, 8, 18), "i4", peak=1e9),
    "wider unsigned integers": (waves((1, 2, 8, 18), "f8", peak=1e18) + 4e18).astype("u8"),
    "a table": np.round(waves((1, 2, 12, 20), "f4", peak=12)) * np.float32(0.1),
    "repeats": np.repeat(waves((1, 2, 9, 9), "f4"), 2, axis=3),
    "special floats": special_floats(),
    "singles of all sizes": magnitudes("f4", 6),
    "doubles of all sizes": magnitudes("f8", 60),
    "integers of all sizes": magnitudes("i8", 4),
    "random integers": np.random.default_rng(1).integers(-(2**63), 2**63, (1, 1, 9, 40)),
    "zeros": np.zeros((1, 2, 4, 5), "f4"),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_a_decoder_written_from_the_page_reads_our_streams(name: str) -> None:
    voxels = np.ascontiguousarray(VOLUMES[name])
    decoded = Decoder(encode_floats(voxels), voxels.shape, voxels.dtype).run()
    assert decoded.tobytes() == voxels.tobytes()
