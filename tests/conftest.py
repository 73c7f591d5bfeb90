import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real scans; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("MEDCODEC_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real scans in {folder}; set MEDCODEC_DATA")
    return folder
