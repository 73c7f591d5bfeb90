"""The page on the adaptive coder is enough to write a decoder: one written from it reads our streams."""

from __future__ import annotations

import numpy as np
import pytest
from document_decoder import Decoder

from medcodec.codecs.adaptive.mapping_bytes import ByteReader
from medcodec.codecs.adaptive.predict import decode_predicted, encode_predicted


def scan(shape: tuple[int, ...], peak: int, flat: int) -> np.ndarray:
    """Return frames with flat columns, a gradient, an edge and noise."""
    random = np.random.default_rng(3)
    s, n, y, x = np.indices(shape)
    bowl = (x - shape[3] / 2 - n) ** 2 + (y - shape[2] / 2 + s) ** 2
    noisy = peak * (0.2 + 0.5 * bowl / bowl.max() + 0.02 * random.standard_normal(shape) + 0.2 * (x > 12))
    noisy[..., :flat] = 0
    return np.clip(noisy, 0, peak).astype(np.int32)


@pytest.mark.parametrize("effort", ["default", "max"])
@pytest.mark.parametrize(
    ("shape", "peak", "max_error", "flat"),
    [
        ((1, 1, 12, 19), 200, 0, 4),
        ((1, 3, 7, 18), 900, 0, 4),
        ((3, 3, 5, 9), 70000, 0, 4),
        ((2, 2, 6, 20), 400, 4, 4),
        ((2, 2, 6, 20), 400, 4, 0),
        ((1, 2, 6, 9), 1, 0, 4),
        ((1, 1, 30, 50), 60, 0, 4),
    ],
)
def test_a_decoder_written_from_the_page_reads_our_streams(effort, shape, peak, max_error, flat):
    levels = scan(shape, peak, flat)
    coded = encode_predicted(levels, effort=effort, max_error=max_error)
    reader = ByteReader(coded)
    preset, top, bound = reader.unsigned(), reader.unsigned(), reader.unsigned()
    assert (preset >= 2) == bool(max_error and flat)
    with np.errstate(all="ignore"):
        decoded = Decoder(reader.rest(), shape, preset, top, bound).run()
    assert np.array_equal(decoded, decode_predicted(ByteReader(coded), shape))
    assert np.abs(decoded - levels).max() <= max_error
