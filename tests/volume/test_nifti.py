import gzip
import struct
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec import volume
from medcodec.errors import FormatError, MedcodecError, MissingDependencyError, UnsupportedDataError
from medcodec.volume.raw import RGB, RGBA

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "c8", "c16"]
CLASSES = {1: nib.Nifti1Image, 2: nib.Nifti2Image}


def nifti_bytes(array: np.ndarray, *, version: int = 1, big: bool = False, tail: bytes = b"") -> bytes:
    """A file made by nibabel, with an extension, padding before the voxels and bytes after them."""
    image = CLASSES[version](array, np.diag([2.0, 3.0, 4.0, 1.0]), dtype=array.dtype)
    header = image.header.as_byteswapped(">") if big else image.header
    image = CLASSES[version](array, image.affine, header)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept as it is"))
    image.header.set_data_offset(1024)
    return image.to_bytes() + tail


def payload(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def restored(data: bytes) -> bytes:
    return volume.to_bytes(volume.read_bytes(data))


@settings(deadline=None, max_examples=60)
@given(
    code=st.sampled_from(NUMBERS),
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    kind=st.tuples(st.booleans(), st.sampled_from([1, 2])),
    seed=st.integers(0, 2**32 - 1),
    tail=st.binary(max_size=5),
)
def test_every_byte_comes_back(code, shape, kind, seed, tail):
    big, version = kind
    # Random bytes: floats then hold NaN payloads, infinities and denormals.
    size = int(np.prod(shape)) * np.dtype(code).itemsize
    raw = np.random.default_rng(seed).bytes(size)
    data = bytearray(nifti_bytes(np.zeros(shape, code), version=version, big=big, tail=tail))
    data[1024 : 1024 + size] = raw
    scan = volume.read_bytes(bytes(data))
    assert volume.to_bytes(scan) == bytes(data)
    assert scan.voxels.dtype == np.dtype(code)
    assert scan.voxels.shape == tuple(shape)
    stored = np.frombuffer(raw, np.dtype(code).newbyteorder(">" if big else "<"))
    expected = stored.byteswap().view(code) if big else stored
    assert scan.voxels.tobytes(order="F") == expected.tobytes()


@pytest.mark.parametrize("dtype", [RGB, RGBA])
def test_colours(dtype):
    array = np.random.default_rng(1).integers(0, 256, (4, 5, 6, len(dtype)), np.uint8).view(dtype)[..., 0]
    data = nifti_bytes(array)
    scan = volume.read_bytes(data)
    assert scan.voxels.dtype == dtype
    assert np.array_equal(scan.voxels, array)
    assert volume.to_bytes(scan) == data


def test_geometry_and_scaling_are_those_of_nibabel(tmp_path):
    affine = np.array([[0, -2, 0.1, 5], [3, 0, 0, 6], [0, 0.1, 4, 7], [0, 0, 0, 1]])
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.header.set_slope_inter(0.5, -1024)
    nib.save(image, tmp_path / "scan.nii")
    scan = volume.read(tmp_path / "scan.nii")
    assert np.allclose(scan.affine, nib.load(tmp_path / "scan.nii").affine)
    assert (scan.slope, scan.intercept) == (0.5, -1024)
    assert np.array_equal(scan.voxels, np.arange(60).reshape(3, 4, 5))
    assert scan.voxels.flags.f_contiguous


@pytest.mark.parametrize(("slope", "intercept"), [(0, 5), (np.nan, 5), (np.inf, 0), (2, np.inf)])
def test_unusable_scaling_counts_as_none_and_is_kept(slope, intercept):
    data = bytearray(nifti_bytes(np.ones((2, 2, 2), np.int16)))
    data[112:120] = struct.pack("<ff", slope, intercept)
    scan = volume.read_bytes(bytes(data))
    assert (scan.slope, scan.intercept) == (1.0, 0.0)
    assert volume.to_bytes(scan) == bytes(data)


def test_seven_axes_are_folded_into_five():
    data = nifti_bytes(np.arange(2 * 3 * 2 * 2 * 2 * 1 * 3, dtype=np.int32).reshape(2, 3, 2, 2, 2, 1, 3))
    scan = volume.read_bytes(data)
    assert scan.voxels.shape == (2, 3, 2, 2, 6)
    assert volume.to_bytes(scan) == data


def test_odd_headers_are_kept():
    data = bytearray(nifti_bytes(np.arange(24, dtype=np.uint16).reshape(2, 3, 4)))
    data[256:280] = struct.pack("<6f", 5, 5, 5, np.nan, 0, 0)  # an impossible quaternion
    data[252:256] = struct.pack("<2h", 1, 0)
    data[148:228] = bytes(range(80))  # description that is no text
    assert restored(bytes(data)) == bytes(data)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nii.zst"])
def test_compression_follows_the_name(tmp_path, ending):
    data = nifti_bytes(np.arange(24, dtype=np.uint16).reshape(2, 3, 4))
    source = tmp_path / "in.nii.gz"
    source.write_bytes(gzip.compress(data[:500]) + gzip.compress(data[500:]))
    written = volume.write(volume.read(source), tmp_path / f"out{ending}")
    assert written == [tmp_path / f"out{ending}"]
    packed = written[0].read_bytes()
    unpack = {
        ".nii": bytes,
        ".nii.gz": gzip.decompress,
        ".nii.zst": zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    assert unpack[ending](packed) == data
    assert volume.to_bytes(volume.read(written[0])) == data


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair, nib.AnalyzeImage])
@pytest.mark.parametrize("named", [".hdr", ".img"])
def test_pairs(tmp_path, kind, named):
    array = np.random.default_rng(0).integers(-900, 900, (5, 4, 3), np.int16)
    nib.save(kind(array, np.diag([2.0, 2.0, 2.0, 1.0])), tmp_path / "a.img")
    with (tmp_path / "a.img").open("ab") as file:
        file.write(b"more")
    scan = volume.read(tmp_path / f"a{named}")
    assert np.array_equal(scan.voxels, array)
    assert np.allclose(scan.affine, nib.load(tmp_path / "a.img").affine)
    written = volume.write(scan, tmp_path / f"b{named}")
    assert [path.name for path in written] == ["b.hdr", "b.img"]
    for path in written:
        assert path.read_bytes() == (tmp_path / f"a{path.suffix}").read_bytes()


def test_a_missing_half_is_named(tmp_path):
    nib.save(nib.Nifti1Pair(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "a.img")
    (tmp_path / "a.img").unlink()
    with pytest.raises(FormatError, match=r"a\.img is missing"):
        volume.read(tmp_path / "a.hdr")


def with_dims(*sizes: int, code: int = 4) -> bytes:
    data = bytearray(nifti_bytes(np.zeros((2, 2, 2), np.int16)))
    data[40:56] = struct.pack("<8h", len(sizes), *sizes, *(1,) * (7 - len(sizes)))
    data[70:72] = struct.pack("<h", code)
    return bytes(data)


BAD = {
    "empty": b"",
    "one byte": b"\x1f",
    "text": b"this is no scan\n" * 100,
    "huge": with_dims(32767, 32767, 32767, 32767, 32767, 32767, 32767),
    "negative": with_dims(4, -4, 4),
    "zero": with_dims(4, 0, 4),
    "axes": with_dims()[:40] + struct.pack("<h", 99) + with_dims()[42:],
    "unknown type": with_dims(2, 2, 2, code=77),
    "bits": with_dims(2, 2, 2, code=1),
    "float128": with_dims(2, 2, 2, code=1536),
    "complex256": with_dims(2, 2, 2, code=2048),
    "offset negative": with_dims(2, 2, 2)[:108] + struct.pack("<f", -5) + with_dims(2, 2, 2)[112:],
    "offset nan": with_dims(2, 2, 2)[:108] + struct.pack("<f", np.nan) + with_dims(2, 2, 2)[112:],
    "offset huge": with_dims(2, 2, 2)[:108] + struct.pack("<f", 1e30) + with_dims(2, 2, 2)[112:],
    "gzip of nothing": gzip.compress(b""),
    "zstd cut": zstandard.compress(with_dims(2, 2, 2))[:-9],
    "gzip damaged": gzip.compress(with_dims(2, 2, 2))[:-8] + b"\0" * 8,
    "gzip noise": b"\x1f\x8b" + bytes(range(200)),
    "zstd noise": b"\x28\xb5\x2f\xfd" + bytes(range(200)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told_clearly(tmp_path, name):
    path = tmp_path / "bad.nii"
    path.write_bytes(BAD[name])
    with pytest.raises(MedcodecError, match=r"bad\.nii"):
        volume.read(path)


@pytest.mark.parametrize("code", [1536, 2048])
def test_extended_floats_name_the_way_out(code):
    with pytest.raises(UnsupportedDataError, match="set_data_dtype"):
        volume.read_bytes(with_dims(2, 2, 2, code=code))


@settings(deadline=None, max_examples=150)
@given(cut=st.integers(0, 1039), packed=st.booleans())
def test_truncation_anywhere(cut, packed):
    data = with_dims(2, 2, 2)
    assert len(data) == 1040
    damaged = gzip.compress(data)[: cut % 60] if packed else data[:cut]
    with pytest.raises(MedcodecError):
        volume.read_bytes(damaged)


@settings(deadline=None, max_examples=300)
@given(position=st.integers(0, 1023), value=st.integers(0, 255))
def test_a_changed_header_byte_is_kept_or_refused(position, value):
    data = bytearray(nifti_bytes(np.arange(8, dtype=np.int16).reshape(2, 2, 2)))
    data[position] = value
    try:
        scan = volume.read_bytes(bytes(data))
    except MedcodecError:
        return
    assert volume.to_bytes(scan) == bytes(data)


def test_real_files(data_dir):
    good = 0
    for path in sorted([*data_dir.glob("edge/**/*.nii*"), *data_dir.glob("test/acdc/*.nii.gz")]):
        try:
            scan = volume.read(path)
        except FormatError:
            assert path.name in (
                "bitflip.nii.gz",
                "truncated.nii.gz",
                "truncated_uncompressed.nii",
                "empty.nii.gz",
            )
            continue
        good += 1
        assert volume.to_bytes(scan) == payload(path), path
    assert good >= 25


def test_a_missing_zstandard_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "scan.nii.zst").write_bytes(zstandard.compress(with_dims(2, 2, 2)))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependencyError, match=r"medcodec\[zstd\]"):
        volume.read(tmp_path / "scan.nii.zst")


def test_many_gzip_members_and_what_follows_them():
    data = with_dims(2, 2, 2) + bytes(1 << 20)
    members = b"".join(gzip.compress(data[start : start + 4096]) for start in range(0, len(data), 4096))
    assert restored(members + b"\0" * 512) == data
