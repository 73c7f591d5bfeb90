from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
from array_contract import LazyArrayContract
from codec_for_tests import LzmaCodec
from helpers import coded, smooth_volume

import medcodec
from medcodec.container.cache import GroupCache
from medcodec.errors import MedcodecError
from medcodec.volume import from_array
from medcodec.volume.frames import Grid


class TestOneGroup(LazyArrayContract):
    def make(self, tmp_path):
        voxels = smooth_volume((9, 11, 12))
        (tmp_path / "a.medc").write_bytes(coded(voxels))
        return voxels, medcodec.open(tmp_path / "a.medc")


class TestTilesAlongTheFirstAxis(LazyArrayContract):
    def make(self, tmp_path):
        voxels = smooth_volume((12, 10, 9), np.uint8, order="C")
        (tmp_path / "a.medc").write_bytes(coded(voxels, axis=0, group_frames=5, tile=4))
        return voxels, medcodec.open(tmp_path / "a.medc", threads=2)


class TestIrregularBoxesAndScaling(LazyArrayContract):
    def make(self, tmp_path):
        voxels = smooth_volume((9, 10, 11), np.float32)
        volume = from_array(voxels, slope=0.5, intercept=-3.0)
        one = range(0, 1, 1)
        grid = Grid((1, 11, 10, 9), (one, (0, 1, 7), (0, 6), range(0, 9, 4)))
        (tmp_path / "a.medc").write_bytes(coded(volume, axis=2, grid=grid))
        return voxels, medcodec.open(tmp_path / "a.medc", cache_bytes=0)


@pytest.mark.parametrize("dtype", ["c8", [("R", "u1"), ("G", "u1"), ("B", "u1")]])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1, 7), (5, 6, 3, 7), (5, 6, 2, 3, 2)])
def test_components_and_other_numbers_of_axes(shape, dtype):
    dtype = np.dtype(dtype)
    raw = np.random.default_rng(0).integers(0, 60, (*shape, dtype.itemsize), np.uint8)
    voxels = np.asfortranarray(raw.view(dtype)[..., 0])
    with medcodec.open(io.BytesIO(coded(voxels, group_frames=2, tile=3))) as file:
        assert np.asarray(file).tobytes() == voxels.tobytes()
        for key in [
            (..., -1),
            (2, slice(None, None, -2)),
            (slice(1, 4), slice(None), *[0] * (len(shape) - 2)),
        ]:
            assert np.asarray(file[key]).tobytes() == voxels[key].tobytes()


def test_only_touched_groups_are_decoded(monkeypatch):
    voxels = smooth_volume((8, 8, 12))
    calls = []
    decode = LzmaCodec.decode
    monkeypatch.setattr(LzmaCodec, "decode", lambda *args: calls.append(1) or decode(*args))
    with medcodec.open(io.BytesIO(coded(voxels, verify=False, axis=2, group_frames=3))) as file:
        assert len(calls) == 0
        assert np.array_equal(file[..., 4], voxels[..., 4])
        assert len(calls) == 1
        assert np.array_equal(file[..., 5], voxels[..., 5])
        assert len(calls) == 1, "the group was kept"
        assert np.array_equal(file[2, 3, :], voxels[2, 3, :])
        assert len(calls) == 4


def test_cache_is_bounded():
    cache = GroupCache(1000)
    for number in range(10):
        cache.put(number, np.zeros(300, np.uint8))
    assert [number for number in range(10) if cache.get(number) is not None] == [7, 8, 9]
    cache.put(11, np.zeros(2000, np.uint8))
    assert cache.get(11) is None


def test_many_threads_and_forks_share_one_file(tmp_path):
    voxels = smooth_volume((16, 16, 20))
    path = tmp_path / "a.medc"
    path.write_bytes(coded(voxels, axis=2, group_frames=1))
    with medcodec.open(path, cache_bytes=0, threads=1) as file:
        with ThreadPoolExecutor(4) as pool:
            slices = list(pool.map(lambda k: file[..., k % 20], range(100)))
        assert all(np.array_equal(part, voxels[..., k % 20]) for k, part in enumerate(slices))
        if hasattr(os, "fork"):
            child = os.fork()
            good = all(np.array_equal(file[..., k % 20], voxels[..., k % 20]) for k in range(100))
            if child == 0:
                os._exit(0 if good else 1)
            assert good
            assert os.waitpid(child, 0)[1] == 0


def test_an_open_file_goes_to_other_processes(tmp_path):
    voxels = smooth_volume((8, 8, 9))
    path = tmp_path / "a.medc"
    path.write_bytes(coded(voxels))
    with medcodec.open(path, threads=1, cache_bytes=5) as file:
        twin = pickle.loads(pickle.dumps(file))
    with twin:
        assert np.array_equal(twin, voxels)


def test_more_memory_than_there_is(tmp_path, monkeypatch):
    path = tmp_path / "a.medc"
    path.write_bytes(coded(smooth_volume((4, 4, 4))))
    with medcodec.open(path) as file:
        monkeypatch.setattr(np, "empty", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MedcodecError, match=r"a\.medc: 128 bytes of memory"):
            file[...]


def test_nibabel_header_of_nifti_and_others(tmp_path):
    voxels = smooth_volume((6, 7, 8))
    image = nib.Nifti1Image(voxels, np.diag([2.0, 3, 4, 1]))
    image.header["descrip"] = b"a scan"
    medcodec.compress(image, tmp_path / "a.medc", codec="test-lzma")
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.header["descrip"] == b"a scan"
        assert file.header.get_data_shape() == (6, 7, 8)
        assert np.array_equal(file.affine, np.diag([2.0, 3, 4, 1]))
    with medcodec.open(io.BytesIO(coded(voxels))) as file:
        assert file.header.get_data_shape() == (6, 7, 8)
        assert file.header.get_data_dtype() == np.int16


def test_a_closed_file_says_so(tmp_path):
    path = tmp_path / "a.medc"
    path.write_bytes(coded(smooth_volume((4, 4, 4))))
    file = medcodec.open(path)
    file.close()
    with pytest.raises(MedcodecError, match=r"a\.medc"):
        file[0]
