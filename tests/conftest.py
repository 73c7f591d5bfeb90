"""What all tests share: the data folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real scans; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("MEDCODEC_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}: set MEDCODEC_DATA")
    return folder
