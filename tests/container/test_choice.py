"""The frame axis that is chosen where users name none."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medcodec.codecs.registry import make_codec
from medcodec.container.choice import choose_layout
from medcodec.volume.frames import frame_layout

HEAD = Path(__file__).parents[2] / "examples" / "t1_head.nii.gz"


@pytest.mark.parametrize("quality", [6.0, 11.0])
def test_losses_count(quality):
    """Thick slices taken apart code smaller there only because more is lost."""
    voxels = np.asarray(nib.load(HEAD).dataobj)
    codec = make_codec("wavelet", size="small", quality=quality).prepare(voxels)
    assert choose_layout(voxels, codec) == frame_layout(voxels, 2)


def test_smooth_axes_are_found():
    random = np.random.default_rng(3)
    # Columns are alike, rows and slices are not.
    voxels = (random.integers(0, 900, (48, 1, 48)) + random.integers(0, 9, (48, 64, 48))).astype(np.int16)
    for codec in (make_codec("wavelet", size="none", quality=9.0), make_codec("adaptive", effort="fast")):
        assert choose_layout(voxels, codec.prepare(voxels)) == frame_layout(voxels, 1)
