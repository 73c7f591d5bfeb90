"""What all tests share: the data folder, and the codec that stands in for the real ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# The root comes last: an installed medcodec, with its compiled kernels, goes before the sources.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parent.parent))

from codec_for_tests import LzmaCodec

import medcodec
from medcodec.codecs.registry import codecs

codecs.register(LzmaCodec.name)(LzmaCodec)

# Programs that tests start take the same medcodec, if they start in a folder without one.
_PATHS = [str(Path(medcodec.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, _PATHS))

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real scans; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("MEDCODEC_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}: set MEDCODEC_DATA")
    return folder
