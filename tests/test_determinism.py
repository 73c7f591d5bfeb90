"""The same file, whatever number of threads writes it."""

from __future__ import annotations

import numpy as np
import pytest

import medcodec


@pytest.mark.parametrize("effort", ["fastest", "fast", "default"])
def test_thread_counts_agree(effort, tmp_path):
    random = np.random.default_rng(7)
    i, j, k = np.indices((37, 53, 6))
    scan = (3 * (i + k) + 2 * j + 20 * random.standard_normal(i.shape)).astype(np.int16)
    files = []
    for threads in (1, 2, 5):
        path = tmp_path / f"{threads}.medc"
        medcodec.compress(scan, path, effort=effort, group_frames=1, tile=16, threads=threads)
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2]
