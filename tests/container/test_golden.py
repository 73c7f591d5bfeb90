"""Files written by version 1 decode for ever: these were, and are never written again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import coded, decoded
from hypothesis import given, settings
from hypothesis import strategies as st

import medcodec

FOLDER = Path(__file__).parent / "golden"
FILES = json.loads((FOLDER / "files.json").read_text())


@pytest.mark.parametrize("name", FILES)
def test_golden_files(name, tmp_path):
    expected = FILES[name]
    path = FOLDER / f"{name}.medc"
    with medcodec.open(path) as file:
        assert list(file.shape) == expected["shape"]
        assert str(file.dtype) == expected["dtype"]
        assert hashlib.sha256(np.asarray(file).tobytes()).hexdigest() == expected["sha256_c_order"]
    restored = medcodec.decompress(path, tmp_path / f"a{expected['suffix']}").paths[0]
    assert hashlib.sha256(restored.read_bytes()).hexdigest() == expected["sha256_source"]


@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=5).map(tuple),
    dtype=st.sampled_from(["u1", "i2", ">u4", "f4", "f8", "c8", "?"]),
    order=st.sampled_from("CF"),
    options=st.fixed_dictionaries(
        {"group_frames": st.integers(0, 4), "tile": st.integers(0, 4), "threads": st.integers(1, 3)}
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_volume_in_any_boxes(shape, dtype, order, options, data):
    seed = data.draw(st.integers(0, 99))
    voxels = (
        np.random.default_rng(seed).integers(0, 2 if dtype == "?" else 90, shape).astype(dtype, order=order)
    )
    axis = data.draw(st.sampled_from(range(len(shape))))
    found = decoded(coded(voxels, axis=axis, **options))
    assert (
        found.tobytes()
        == np.asarray(voxels, "u1" if dtype == "?" else np.dtype(dtype).newbyteorder("=")).tobytes()
    )
