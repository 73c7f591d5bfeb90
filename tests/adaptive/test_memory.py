"""How much memory the usual group takes: docs/adaptive.md says so too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")

# Times the raw size, beyond the voxels that are encoded; decoded ones count. About a quarter more than what
# each effort took when this was written.
BOUNDS = {"fastest": (2.2, 2.9), "fast": (2.7, 2.5), "default": (2.7, 2.2), "max": (2.7, 2.5)}

MEASURE = """
import json, sys
import numpy as np
from medcodec.codecs.adaptive import AdaptiveCodec
from medcodec.codecs.base import FrameGroup
from medcodec.evaluation.resources import measured

codec = AdaptiveCodec(effort=sys.argv[1])
rng = np.random.default_rng(1)
_, f, y, x = np.indices((1, 8, 512, 256), np.int16, sparse=True)
voxels = (900 * np.sin(x / 40) * np.cos(y / 50 + f / 20)).astype(np.int16) - 20
voxels += rng.normal(0, 9, voxels.shape).astype(np.int16)
small = np.ascontiguousarray(voxels[:, :2, :32, :32])
codec.decode(codec.encode(FrameGroup(small)), small.shape, small.dtype)
coded, encoding = measured(lambda: codec.encode(FrameGroup(voxels)))
shape, dtype, size = voxels.shape, voxels.dtype, voxels.nbytes
decoded, decoding = measured(lambda: codec.decode(coded, shape, dtype))
assert np.array_equal(decoded, voxels)
peaks = encoding.peak_bytes, decoding.peak_bytes
print(json.dumps(None if None in peaks else [peak / size for peak in peaks]))
"""


@pytest.mark.parametrize("effort", BOUNDS)
def test_memory_of_a_group(effort: str, tmp_path: Path) -> None:
    # Away from the sources, which are no package before they are built.
    command = [sys.executable, "-c", MEASURE, effort]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = json.loads(run.stdout)
    if found is None:
        pytest.skip("the peak of memory cannot be measured on this system")
    for ratio, bound in zip(found, BOUNDS[effort], strict=True):
        assert ratio < bound, f"{effort}: {found} times the raw size to encode and to decode"
