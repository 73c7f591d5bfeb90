"""How many bytes of a group each frame takes."""

import numpy as np
import pytest
from standard_cases import LOSSLESS, LOSSY, Case, names, usable

from medcodec.codecs.base import FrameGroup
from medcodec.codecs.standard.base import StandardCodec
from medcodec.codecs.standard.payload import Payload

NOISY = 3
WHOLE = ("sz3", "sperr")


@pytest.mark.parametrize("case", [*LOSSLESS, *LOSSY], ids=names)
def test_a_frame_has_the_bytes_that_it_needs(case: Case) -> None:
    codec = usable(case)
    voxels = np.zeros((2, 4, 72, 64), np.int16)
    voxels += (np.arange(64) // 4).astype(np.int16)
    voxels[0, NOISY] = np.random.default_rng(2).integers(0, 200, (72, 64))
    data = codec.encode(FrameGroup(voxels))
    found = codec.frame_bytes(data, voxels.shape)
    if case[0] in WHOLE or "layout" in case[1]:
        assert found is None
        return
    assert found is not None
    assert len(found) == 8
    assert isinstance(codec, StandardCodec)
    assert max(found) > 3 * sorted(found)[-2]
    # AV1 may code a frame ahead, hidden: it counts for the one that is shown with it.
    assert found.index(max(found)) == NOISY or (case[0] == "av1" and found.index(max(found)) < NOISY)
    # A correction, where an encoder's own "lossless" was not, belongs to no frame.
    correction = Payload.parse(data, head_bytes=codec._head_bytes(), most_streams=8).correction
    assert 0.9 * (len(data) - len(correction)) - 100 < sum(found) <= len(data)
