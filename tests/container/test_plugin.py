from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import smooth_volume

import medcodec
from medcodec.codecs.registry import codecs, make_codec
from medcodec.errors import FormatError, IntegrityError, MissingDependencyError, OptionError


@pytest.fixture
def plugin(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent / "fake_plugin")
    monkeypatch.setattr(codecs, "_members", dict(codecs._members))


@pytest.mark.usefixtures("plugin")
def test_a_codec_of_another_package(tmp_path):
    assert "fake-store" in codecs.names()
    voxels = smooth_volume((6, 7, 8))
    medcodec.compress(voxels, tmp_path / "a.medc", codec="fake-store")
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.info.codec.name == "fake-store"
        assert np.array_equal(file, voxels)
    with pytest.raises(OptionError, match="has no option 'effort'; its options are none"):
        make_codec("fake-store", effort="max")


@pytest.mark.usefixtures("plugin")
def test_what_such_a_codec_raises_becomes_an_error_of_ours(tmp_path):
    path = tmp_path / "a.medc"
    medcodec.compress(smooth_volume((6, 7, 8)), path, codec="fake-store", verify=False)
    kind = codecs.get("fake-store")

    def fail(*_: object) -> None:
        msg = "out of memory, or worse"
        raise MemoryError(msg)

    original, kind.decode = kind.decode, fail
    try:
        with medcodec.open(path) as file, pytest.raises(IntegrityError, match=r"a\.medc: group 0 .*or worse"):
            file[0]
    finally:
        kind.decode = original


@pytest.mark.usefixtures("plugin")
def test_a_codec_whose_package_is_broken():
    with pytest.raises(MissingDependencyError, match="medcodec_fake_missing"):
        codecs.get("fake-broken")


def test_a_file_of_a_codec_that_is_not_installed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent / "fake_plugin")
        patch.setattr(codecs, "_members", dict(codecs._members))
        medcodec.compress(smooth_volume((6, 7, 8)), tmp_path / "a.medc", codec="fake-store")
    with pytest.raises(OptionError, match=r"a\.medc: unknown codec 'fake-store'; known: "):
        medcodec.open(tmp_path / "a.medc")


@pytest.mark.parametrize(
    "settings", [{"effort": 1}, {"max_error": 1, "effort": "a", "more": 0}, {"__class__": 1}]
)
def test_settings_that_a_codec_does_not_take(settings):
    from medcodec.codecs.registry import load_codec

    with pytest.raises(FormatError):
        load_codec("test-lzma", settings)
