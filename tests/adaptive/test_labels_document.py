"""The page on the label stream is enough to write a decoder: one written from it reads our streams."""

from __future__ import annotations

import numpy as np
import pytest
from labels_decoder import Decoder
from test_labels import CASES, Levels, ellipsoids, islands, noisy_ramp

from medcodec.codecs.adaptive.labels import encode_labels

NAMES, ORDER, STORED, ISLANDS = "names", "order", "stored", "islands"


def outliers() -> Levels:
    """Return levels that follow one another, but for some that may be anything."""
    rng = np.random.default_rng(6)
    ramp = noisy_ramp(250, (1, 3, 16, 24))
    return np.where(rng.random(ramp.shape) < 0.06, rng.integers(0, 250, ramp.shape), ramp).astype(np.uint8)


VOLUMES = {
    "constant": (CASES["constant"], STORED),
    "random bytes": (CASES["random bytes"][..., :4, :], STORED),
    "one row": (CASES["one row"], ORDER),
    "spike": (CASES["spike"][:, :3], NAMES),
    "organs": (ellipsoids((5, 22, 24), 9), NAMES),
    "four-dimensional": (np.stack([ellipsoids((4, 14, 16), 3, seed)[0] for seed in (1, 1, 2)]), NAMES),
    "noise": (noisy_ramp(2, (2, 2, 12, 14)), NAMES),
    "noisy order": (noisy_ramp(30, (2, 3, 10, 14)), ORDER),
    "many noisy levels": (noisy_ramp(250, (1, 3, 12, 16)), ORDER),
    "outliers": (outliers(), ORDER),
    "islands": (islands(0, (4, 24, 28)), ISLANDS),
    "islands on grey": (islands(130, (3, 20, 22), 2), ISLANDS),
}


def kind(data: bytes) -> str:
    if data[0] == 2:
        return ISLANDS
    return STORED if data[2] == 255 else ORDER if data[2] & 4 else NAMES


@pytest.mark.parametrize("name", VOLUMES)
@pytest.mark.parametrize("quick", [False, True])
def test_a_decoder_written_from_the_page_reads_our_streams(name: str, quick: bool) -> None:
    levels, expected = VOLUMES[name]
    data = encode_labels(levels, quick=quick)
    assert quick or kind(data) == expected
    np.testing.assert_array_equal(Decoder(data, levels.shape).run(), levels)
