"""Later coefficients make up for the errors of earlier ones."""

from __future__ import annotations

import numpy as np
import pytest

from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder, squared_error
from medcodec.codecs.wavelet.feedback import Feedback
from medcodec.codecs.wavelet.quality import quality_of

TOP = 1 << 14


def coded(frames):
    quality = quality_of(9.0, TOP, 1)
    group = GroupEncoder(frames, TOP, gop=1, quality=quality, model=None, effort=Effort()).encode()
    return len(group.data), squared_error(group.pictures, frames)


@pytest.mark.parametrize("shape", [(128, 128), (57, 130)])
def test_errors_are_smaller_for_as_many_bytes(shape, monkeypatch):
    noise = np.random.default_rng(3).normal(TOP / 2, TOP / 40, (1, 1, *shape))
    frames = np.clip(noise, 0, TOP).astype(np.int32)
    with_feedback = coded(frames)
    monkeypatch.setattr(Feedback, "_aim", lambda *_: None)
    without = coded(frames)
    assert with_feedback[0] < 1.005 * without[0]
    assert with_feedback[1] < 0.99 * without[1]
