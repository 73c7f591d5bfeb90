"""What tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of shared scans, from MEDCODEC_DATA; skip where there is none."""
    path = Path(os.environ.get("MEDCODEC_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("no shared scans here: set MEDCODEC_DATA")
    return path
