"""Whatever axis a codec follows and whatever memory a volume has, slices are compared with their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medcodec.codecs.registry import make_codec
from medcodec.evaluation.coding import code, fidelity
from medcodec.evaluation.content import Content
from medcodec.volume import from_array

RGB = np.dtype([(name, "u1") for name in "RGB"])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", ["i", "j", "k"])
@pytest.mark.parametrize("shape", [(8, 8, 8), (6, 8, 7)])
@pytest.mark.parametrize("dtype", ["i2", "c8", RGB])
def test_slices_of_a_decoded_volume_are_those_of_the_original(
    shape: tuple[int, ...], axis: str, order: Any, dtype: Any, tmp_path: Path
) -> None:
    data = np.random.default_rng(4).integers(0, 100, (*shape, np.dtype(dtype).itemsize), np.uint8)
    voxels = data.view(RGB)[..., 0] if dtype is RGB else data[..., 0].astype(dtype)
    content = Content({"scan": from_array(np.asarray(voxels, order=order))}, voxels.size, axis)
    coded = code(content, make_codec("adaptive"), tmp_path, group_frames=None, threads=1)
    found = fidelity(content, coded.decoded, peak="255")
    assert found["max_error"] == 0
    assert found["slice_psnr_db"] == [100] * len(found["slice_psnr_db"])
