"""The same bytes and the same voxels, whatever instructions or threads do the work."""

from __future__ import annotations

import numpy as np
import pytest

import medcodec
from medcodec import _native

PATHS = [path for path in ("baseline", "avx2", "avx512") if _native.adaptive_has_path(path)]


def levels(dtype: type[np.unsignedinteger], peak: int, seed: int = 7) -> np.ndarray:
    """Return two sequences of smooth frames with noise, an edge and a flat part."""
    random = np.random.default_rng(seed)
    s, n, y, x = np.indices((2, 3, 37, 53))
    bowl = ((x - 26 - n) ** 2 + (y - 18 + s) ** 2) / 1100
    noisy = peak * (0.2 + 0.5 * bowl + 0.03 * random.standard_normal(bowl.shape) + 0.2 * (x > 40))
    noisy[..., :9] = 0
    return np.clip(noisy, 0, peak).astype(dtype)


@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 4095), (np.uint32, (1 << 20) - 1)])
@pytest.mark.parametrize("preset", [0, 1])
@pytest.mark.parametrize("max_error", [0, 3])
def test_vector_paths_agree(dtype, peak, preset, max_error):
    options = {"preset": preset, "max_level": peak, "max_error": max_error}
    original = levels(dtype, peak)
    coded, seen = set(), []
    for path in PATHS:
        work = original.copy()
        coded.add(_native.adaptive_encode(work, path=path, **options))
        seen.append(work)
    (data,) = coded
    for path in PATHS:
        decoded = np.zeros_like(original)
        assert _native.adaptive_decode(data, decoded, path=path, **options)
        assert np.array_equal(decoded, seen[0])
    assert np.abs(decoded.astype(np.int64) - original.astype(np.int64)).max() <= max_error


def test_thread_counts_agree(tmp_path):
    scan = levels(np.uint16, 4095)[0].astype(np.int16)
    files = []
    for threads in (1, 2, 5):
        path = tmp_path / f"{threads}.medc"
        medcodec.compress(scan, path, group_frames=1, tile=16, threads=threads)
        files.append(path.read_bytes())
    assert files[0] == files[1] == files[2]
