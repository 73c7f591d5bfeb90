"""Groups that repeat themselves far apart go to a dictionary coder, others never do."""

from __future__ import annotations

import numpy as np
import pytest

from medcodec.codecs.adaptive import streams
from medcodec.codecs.adaptive.streams import decode, encode_lossless

LZMA = 4


@pytest.mark.parametrize("effort", ["default", "max"])
def test_a_cycle_of_noisy_frames_is_found(effort: str) -> None:
    cycle = np.random.default_rng(3).integers(0, 200, (1, 3, 24, 60), np.uint8)
    voxels = np.tile(cycle, (1, 40, 1, 1))
    data = encode_lossless(voxels, effort=effort)
    assert data[0] == LZMA
    assert len(data) < 1.05 * cycle.nbytes
    assert np.array_equal(decode(data, voxels.shape, voxels.dtype), voxels)


def test_labels_are_not_packed_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_lzma_packed", None)
    z, y, x = np.indices((12, 90, 100))
    field = np.sin(x / 7 + 1.7 * z) + np.sin(y / 5.3 + z) + np.sin((x + y) / 11 + 2.3 * z)
    labels = (field > 0.3).astype(np.uint8)
    assert len(encode_lossless(labels[None], effort="default")) < labels.size / 20
