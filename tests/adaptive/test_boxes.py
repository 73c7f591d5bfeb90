"""Boxes: bounded, covering, and coders that keep to their widths."""

from __future__ import annotations

import numpy as np
import pytest

from medcodec.codecs.adaptive import AdaptiveCodec
from medcodec.codecs.adaptive.codec import EFFORTS
from medcodec.codecs.adaptive.fast import MAX_WIDTH, decode_fast, encode_fast
from medcodec.codecs.adaptive.mapping_bytes import ByteReader
from medcodec.codecs.base import FrameGroup
from medcodec.errors import FormatError


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize(
    "shape",
    [
        (1, 300, 512, 512),
        (33, 20, 64, 64),
        (1, 1, 1, 1 << 22),
        (1, 1, 1 << 22, 1),
        (1, 1, 1, 1),
        (3, 9, 2000, 3000),
    ],
)
def test_boxes_are_bounded(effort: str, shape: tuple[int, int, int, int]) -> None:
    box = AdaptiveCodec(effort=effort).preferred_box(shape, np.dtype(np.int16))
    assert all(1 <= length <= size for length, size in zip(box, shape, strict=True))
    assert box[3] <= MAX_WIDTH
    assert np.prod(box) <= max(3 << 20, shape[2])


@pytest.mark.parametrize("max_error", [0, 2])
def test_rows_wider_than_the_fast_coder_takes(max_error: int) -> None:
    voxels = np.random.default_rng(0).integers(0, 900, (1, 2, 2, MAX_WIDTH + 1), dtype=np.int16)
    codec = AdaptiveCodec(effort="fast", max_error=max_error)
    found = codec.decode(codec.encode(FrameGroup(voxels)), voxels.shape, voxels.dtype)
    assert np.abs(found - voxels).max() <= max_error


def test_a_fast_group_that_claims_wide_rows_is_refused() -> None:
    data = encode_fast(np.zeros((1, 1, 2, 8), np.uint8))
    with pytest.raises(FormatError, match="longer"):
        decode_fast(ByteReader(data), (1, 1, 1, MAX_WIDTH + 1))
