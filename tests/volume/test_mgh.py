import gzip

import nibabel as nib
import numpy as np
import pytest

from medcodec import volume
from medcodec.errors import MedcodecError


@pytest.mark.parametrize("code", ["u1", "i2", "i4", "f4"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2)])
@pytest.mark.parametrize("suffix", [".mgh", ".mgz"])
def test_mgh(tmp_path, suffix, shape, code):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(code)
    affine = np.array([[-1, 0, 0, 90], [0, 0, 1, -126], [0, -1, 0, 72], [0, 0, 0, 1]], float)
    source = tmp_path / f"a{suffix}"
    nib.save(nib.MGHImage(array, affine), source)
    scan = volume.read(source)
    assert np.array_equal(scan.voxels, array)
    assert np.allclose(scan.affine, affine)
    (back,) = volume.write(scan, tmp_path / f"b{suffix}")
    unpack = gzip.decompress if suffix == ".mgz" else bytes
    assert unpack(back.read_bytes()) == unpack(source.read_bytes())


@pytest.mark.parametrize(
    ("start", "patch"), [(0, b"\0\0\0\2"), (4, b"\x7f\xff\xff\xff" * 4), (20, b"\0\0\0\7")]
)
def test_bad_headers(tmp_path, start, patch):
    path = tmp_path / "bad.mgh"
    nib.save(nib.MGHImage(np.zeros((3, 4, 5), np.int16), np.eye(4)), path)
    data = bytearray(path.read_bytes())
    data[start : start + len(patch)] = patch
    path.write_bytes(data)
    with pytest.raises(MedcodecError, match=r"bad\.mgh"):
        volume.read(path)


def test_real_file(data_dir):
    path = data_dir / "edge" / "nibabel_test_data" / "test.mgz"
    assert volume.to_bytes(volume.read(path)) == gzip.decompress(path.read_bytes())
