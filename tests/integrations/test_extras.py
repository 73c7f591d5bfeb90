"""Without the other project, an integration says which extra brings it."""

from __future__ import annotations

import importlib
import sys

import pytest

from medcodec.errors import MissingDependencyError


@pytest.mark.parametrize(
    ("module", "needed", "extra"),
    [
        ("monai", "monai.data", "monai"),
        ("torch", "torch", "torch"),
        ("torchio", "torch", "torch"),
        ("zarr", "zarr.abc.codec", "zarr"),
        ("numcodecs", "numcodecs.abc", "zarr"),
    ],
)
def test_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, module: str, needed: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, needed, None)
    for name in [name for name in sys.modules if name.startswith("medcodec.integrations.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingDependencyError, match=rf"medcodec\[{extra}\]"):
        importlib.import_module(f"medcodec.integrations.{module}")
