import bz2
import gzip

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec import volume
from medcodec.errors import MedcodecError, UnsupportedDataError

TURN = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
SHAPES = {
    "plane": ((5, 6), False),
    "volume": ((5, 6, 7), False),
    "series": ((4, 5, 6, 7), False),
    "colour": ((5, 6, 7, 3), True),
    "pair": ((5, 6, 7, 2), True),
    "photo": ((5, 6, 4), True),
}


def make_image(name: str, code: str) -> tuple[sitk.Image, np.ndarray]:
    shape, vector = SHAPES[name]
    array = np.random.default_rng(0).integers(0, 100, shape).astype(code)
    image = sitk.GetImageFromArray(array, isVector=vector)
    axes = image.GetDimension()
    image.SetSpacing([1.5, 2.5, 3.5, 1][:axes])
    image.SetOrigin([10, -20, 30, 0][:axes])
    if axes == 3:
        image.SetDirection(TURN.ravel())
    spatial = array.transpose(*range(axes - 1, -1, -1), *range(axes, array.ndim))
    return image, spatial


def as_numbers(voxels: np.ndarray) -> np.ndarray:
    names = voxels.dtype.names
    return np.stack([voxels[name] for name in names], axis=-1) if names else voxels


def ras_affine(image: sitk.Image) -> np.ndarray:
    axes = image.GetDimension()
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(axes, axes)
    affine[:axes, :axes] = direction * np.array(image.GetSpacing())
    affine[:axes, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_same_voxels_and_geometry_as_simpleitk(tmp_path, suffix, name, compressed):
    for code in ["u1", "i2", "u4", "i8", "f4", "f8"]:
        image, expected = make_image(name, code)
        path = tmp_path / code / f"scan{suffix}"
        path.parent.mkdir()
        sitk.WriteImage(image, str(path), useCompression=compressed)
        (source,) = volume.find_scans(path)
        scan = source.read()
        assert np.array_equal(as_numbers(scan.voxels), expected)
        if image.GetDimension() == 3:
            assert np.allclose(scan.affine, ras_affine(image))
        written = volume.write(scan, tmp_path / f"{code}_back" / f"scan{suffix}")
        assert len(written) == len(source.paths)
        again = sitk.ReadImage(str(written[0]))
        assert np.array_equal(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(image))
        assert not compressed or volume.read(written[0]).source.blobs["head"] == scan.source.blobs["head"]
        for old, new in zip(source.paths, written, strict=True):
            assert compressed or old.read_bytes() == new.read_bytes()


NRRD = b"""NRRD0005
# a comment
type: short
dimension: 3
space: %(space)s
sizes: 2 3 4
space directions: (0,2,0) (3,0,0) (0,0,4)
space origin: (5,6,7)
endian: big
encoding: %(encoding)s
key:=value: with colon
line skip: 1
byte skip: %(skip)d

"""
VALUES = np.arange(24, dtype=">i2")


def nrrd(encoding: bytes = b"raw", space: bytes = b"left-posterior-superior", skip: int = 3) -> bytes:
    packed = {b"raw": bytes, b"gz": gzip.compress, b"bzip2": bz2.compress}[encoding]
    payload = packed(b"abc" * (skip != 0) + VALUES.tobytes() + b"tail" * (skip >= 0))
    return NRRD % {b"encoding": encoding, b"space": space, b"skip": skip} + b"a line\n" + payload


@pytest.mark.parametrize("skip", [3, -1])
@pytest.mark.parametrize("encoding", [b"raw", b"gz", b"bzip2"])
def test_nrrd_by_hand(encoding, skip):
    data = nrrd(encoding, skip=skip)
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels, VALUES.reshape(2, 3, 4, order="F"))
    assert np.array_equal(scan.affine, [[0, -3, 0, -5], [-2, 0, 0, -6], [0, 0, 4, 7], [0, 0, 0, 1]])
    back = volume.to_bytes(scan)
    head = len(NRRD % {b"encoding": encoding, b"space": b"left-posterior-superior", b"skip": skip}) + 7
    unpack = {b"raw": bytes, b"gz": gzip.decompress, b"bzip2": bz2.decompress}[encoding]
    assert back[:head] == data[:head]
    assert unpack(back[head:]) == unpack(data[head:])


@pytest.mark.parametrize(("space", "sign"), [(b"RAS", (1, 1)), (b"left-anterior-superior", (-1, 1))])
def test_nrrd_spaces(space, sign):
    affine = volume.read_bytes(nrrd(space=space)).affine
    assert affine[:2, 3].tolist() == [5 * sign[0], 6 * sign[1]]


BAD_NRRD = {
    "ascii": (b"encoding: raw", b"encoding: ascii"),
    "block": (b"type: short", b"type: block"),
    "no sizes": (b"sizes:", b"sizez:"),
    "huge": (b"sizes: 2 3 4", b"sizes: 99999999999 99999999999 99999999999"),
    "negative": (b"sizes: 2 3 4", b"sizes: 2 -3 4"),
    "words": (b"sizes: 2 3 4", b"sizes: two 3 4"),
    "dimension": (b"dimension: 3", b"dimension: 4"),
    "escape": (b"line skip: 1", b"data file: ../secret.raw"),
    "absolute": (b"line skip: 1", b"data file: /etc/passwd"),
    "list": (b"line skip: 1", b"data file: LIST"),
    "missing": (b"line skip: 1", b"data file: nothing.raw"),
    "skip": (b"byte skip: 3", b"byte skip: 99999999"),
    "lines": (b"line skip: 1", b"line skip: 5000"),
    "vector": (b"(5,6,7)", b"(5;6)"),
}


@pytest.mark.parametrize("name", BAD_NRRD)
def test_bad_nrrd(tmp_path, name):
    path = tmp_path / "bad.nrrd"
    path.write_bytes(nrrd().replace(*BAD_NRRD[name]))
    with pytest.raises(MedcodecError, match=r"bad\.nrrd|nothing\.raw"):
        volume.read(path)


MHA = (
    b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
    b"CompressedData = False\nDimSize = 2 3 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
)
BAD_MHA = {
    "ascii": (b"BinaryData = True", b"BinaryData = False"),
    "type": (b"MET_SHORT", b"MET_STRING"),
    "sizes": (b"DimSize = 2 3 4", b"DimSize = 2 3"),
    "no sizes": (b"DimSize = 2 3 4\n", b""),
    "huge": (b"DimSize = 2 3 4", b"DimSize = 999999999 999999999 999999999"),
    "no end": (b"ElementDataFile", b"ElementDataLost"),
    "list": (b"LOCAL", b"LIST"),
    "not packed": (b"CompressedData = False", b"CompressedData = True"),
}


def test_metaimage_by_hand():
    data = MHA + VALUES.astype("<i2").tobytes() + b"tail"
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels, VALUES.reshape(2, 3, 4, order="F"))
    assert volume.to_bytes(scan) == data


@pytest.mark.parametrize("name", BAD_MHA)
def test_bad_metaimage(tmp_path, name):
    path = tmp_path / "bad.mha"
    path.write_bytes(MHA.replace(*BAD_MHA[name]) + VALUES.tobytes())
    with pytest.raises(MedcodecError, match=r"bad\.mha"):
        volume.read(path)


@settings(deadline=None, max_examples=200)
@given(position=st.integers(0, 400), value=st.integers(0, 255), which=st.booleans())
def test_a_changed_byte_is_kept_or_refused(position, value, which):
    data = bytearray(nrrd() if which else MHA + VALUES.tobytes())
    data[position % len(data)] = value
    try:
        scan = volume.read_bytes(bytes(data))
    except MedcodecError:
        return
    assert volume.to_bytes(scan) == bytes(data)


def test_detached_voxels_cannot_be_piped(tmp_path):
    image, _ = make_image("volume", "i2")
    sitk.WriteImage(image, str(tmp_path / "a.nhdr"))
    with pytest.raises(UnsupportedDataError, match="instead of piping"):
        volume.read_bytes((tmp_path / "a.nhdr").read_bytes())
    with pytest.raises(UnsupportedDataError, match="cannot go into a pipe"):
        volume.to_bytes(volume.read(tmp_path / "a.nhdr"))
