"""Files of every coder of the adaptive codec, written by version 1, decode for ever; never rewrite them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import medcodec

FOLDER = Path(__file__).parent / "golden"
FILES = json.loads((FOLDER / "files.json").read_text())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("threads", [1, 3])
def test_golden_files(name: str, threads: int) -> None:
    with medcodec.open(FOLDER / f"{name}.medc", threads=threads) as file:
        voxels = np.asarray(file)
    assert str(voxels.dtype) == FILES[name]["dtype"]
    assert list(voxels.shape) == FILES[name]["shape"]
    assert hashlib.sha256(voxels.tobytes()).hexdigest() == FILES[name]["sha256_c_order"]
