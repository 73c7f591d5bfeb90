"""Golden files decode for ever, on every path of the kernels, and without torch; never rewrite them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from make_golden import FOLDER, described
from wavelet_cases import PLAIN, phantom

import medcodec
from medcodec import _native
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.entropy.network import IntegerNetwork
from medcodec.errors import ModelMissingError

pytestmark = pytest.mark.usefixtures("transformed")
FILES = json.loads((FOLDER / "files.json").read_text())
PATHS = [path for path in ("baseline", "avx2", "avxvnni", "avx512") if _native.network_has_path(path)]
SCRIPT = """
import builtins, sys
plain_import = builtins.__import__
def without_torch(name, *rest, **more):
    if name.split(".")[0] == "torch":
        raise ImportError(name)
    return plain_import(name, *rest, **more)
builtins.__import__ = without_torch
import hashlib, numpy, medcodec
for path in sys.argv[1:]:
    with medcodec.open(path) as file:
        print(hashlib.sha256(numpy.asarray(file).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", FILES)
def test_golden_files(name, threads):
    with medcodec.open(FOLDER / f"{name}.medc", threads=threads) as file:
        assert described(np.asarray(file)) == FILES[name]


@pytest.fixture(scope="module")
def networked(tmp_path_factory):
    """Return a file that was coded with networks."""
    path = tmp_path_factory.mktemp("networked") / "a.medc"
    options = {"size": "small", "quality": 14.0}
    medcodec.compress(phantom((56, 60, 7)), path, codec="wavelet", codec_options=options)
    return path


@pytest.mark.parametrize("path", PATHS)
def test_paths_of_the_networks_agree(path, networked, monkeypatch):
    with medcodec.open(networked) as file:
        wanted = np.asarray(file)
    run = IntegerNetwork.run
    used = []

    def forced(self, x):
        used.append(path)
        return run(self, x, path=path)

    monkeypatch.setattr(IntegerNetwork, "run", forced)
    with medcodec.open(networked, threads=1) as file:
        assert np.array_equal(np.asarray(file), wanted)
    assert used


def test_networks_write_the_same_bytes_with_any_number_of_threads(tmp_path):
    files = []
    for threads in (1, 2):
        path = tmp_path / f"{threads}.medc"
        options = {"size": "small", "quality": 12.0, "effort": "fast"}
        medcodec.compress(
            phantom((40, 44, 6)),
            path,
            codec="wavelet",
            codec_options=options,
            group_frames=3,
            threads=threads,
        )
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_networks_are_lossless_too(tmp_path):
    voxels = phantom((40, 44, 6))
    for size in ("none", "small"):
        medcodec.compress(voxels, tmp_path / f"{size}.medc", codec="wavelet", codec_options={"size": size})
        with medcodec.open(tmp_path / f"{size}.medc") as file:
            assert np.array_equal(np.asarray(file), voxels)
            assert np.array_equal(file.reduced(every=2), voxels[:, :, ::2])
            assert (file.info.codec.model is None) == (size == "none")


def test_decoding_needs_no_torch_whatever_it_would_use(networked, tmp_path):
    paths = [networked, FOLDER / "head_none_fine.medc"]
    wanted = []
    for path in paths:
        with medcodec.open(path) as file:
            wanted.append(described(np.asarray(file))["sha256_c_order"])
    for capability in ("default", "avx2", "avx512"):
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability, "OMP_NUM_THREADS": "2"}
        command = [sys.executable, "-c", SCRIPT, *map(str, paths)]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == wanted


def test_a_model_that_is_not_there(tmp_path):
    codec = WaveletCodec(**PLAIN, model="ab" * 32)
    with pytest.raises(ModelMissingError, match="abababab"):
        medcodec.compress(phantom((9, 9, 2)), tmp_path / "a.medc", codec=codec)
