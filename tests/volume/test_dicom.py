import gzip
import io
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from dicom_files import file_bytes, make_dataset, words
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from medcodec import volume
from medcodec.errors import FormatError, MedcodecError, MissingDependencyError

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("code", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_native_files_come_back_byte_for_byte(syntax, code):
    pixels = words(code, (5, 3))  # an odd number of bytes needs padding
    data = file_bytes(make_dataset(pixels, syntax)) + b"after the end"
    scan = volume.read_bytes(data)
    assert scan.voxels.dtype == np.dtype(code)
    assert np.array_equal(scan.voxels[:, :, 0], pixels.T)
    assert volume.to_bytes(scan) == data


def test_eight_bits_in_big_endian_words():
    pixels = words("u1", (4, 6))
    dataset = make_dataset(pixels, ExplicitVRBigEndian)
    swapped = pixels.reshape(-1, 2)[:, ::-1].tobytes()
    dataset.add_new("PixelData", "OW", swapped)
    data = file_bytes(dataset)
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels[:, :, 0], pixels.T)
    assert volume.to_bytes(scan) == data


@pytest.mark.parametrize("planar", [0, 1])
def test_colours(planar):
    pixels = words("u1", (4, 6, 3))
    stored = np.moveaxis(pixels, -1, 0) if planar else pixels
    dataset = make_dataset(
        pixels, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=planar
    )
    dataset.PixelData = stored.tobytes()
    data = file_bytes(dataset)
    scan = volume.read_bytes(data)
    for index, name in enumerate("RGB"):
        assert np.array_equal(scan.voxels[name][:, :, 0], pixels[..., index].T)
    assert volume.to_bytes(scan) == data


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_float_pixels(keyword):
    pixels = np.array([[1.5, np.nan, -np.inf], [0, -0.0, 1e-40]], "f4" if keyword[0] == "F" else "f8")
    dataset = make_dataset(pixels)
    del dataset.PixelData
    setattr(dataset, keyword, pixels.tobytes())
    data = file_bytes(dataset)
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels[:, :, 0], pixels.T, equal_nan=True)
    assert volume.to_bytes(scan) == data


def test_single_bits():
    bits = words("u1", (5, 3)) & 1
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    data = file_bytes(make_dataset(bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed))
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels[:, :, 0], bits.T)
    assert volume.to_bytes(scan) == data


def test_signs_are_spread_where_the_high_bits_are_zero():
    values = np.array([[-2048, -1, 0], [1, 2047, 5]], "i2")
    dataset = make_dataset(values & 0xFFF, BitsStored=12, HighBit=11)
    data = file_bytes(dataset)
    scan = volume.read_bytes(data)
    assert np.array_equal(scan.voxels[:, :, 0], values.T)
    assert volume.to_bytes(scan) == data


@pytest.mark.parametrize("code", ["u2", "i2"])
def test_overlays_and_dirt_in_high_bits_come_back(code):
    data = file_bytes(make_dataset(words(code), BitsStored=12, HighBit=11))
    assert volume.to_bytes(volume.read_bytes(data)) == data


@pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian])
def test_compressed_files_come_back_native_with_everything_else(syntax):
    pixels = words("i2", (16, 16))
    dataset = make_dataset(pixels)
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    source = pydicom.dcmread(io.BytesIO(file_bytes(dataset)))
    scan = volume.read_bytes(file_bytes(dataset))
    assert np.array_equal(scan.voxels[:, :, 0], pixels.T)
    back = pydicom.dcmread(io.BytesIO(volume.to_bytes(scan)))
    assert back.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(back.pixel_array, pixels)
    for element in source:
        assert element.keyword == "PixelData" or back[element.tag].value == element.value


def test_truncated_files(tmp_path):
    data = file_bytes(make_dataset(words("u2", (64, 64))))
    for cut in [*range(0, len(data) - 1, 97), len(data) - 1]:
        path = tmp_path / "cut.dcm"
        path.write_bytes(data[:cut])
        with pytest.raises(MedcodecError, match=r"cut\.dcm"):
            volume.read(path)


def test_pixels_promised_but_missing():
    dataset = make_dataset(words())
    dataset.Rows = 60000
    dataset.Columns = 60000
    with pytest.raises(FormatError, match="promise"):
        volume.read_bytes(file_bytes(dataset))


def test_compressed_pixels_that_claim_too_much():
    dataset = make_dataset(words("u2", (16, 16)))
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.Rows = dataset.Columns = 65535
    with pytest.raises(FormatError, match="promise 8589672450 bytes"):
        volume.read_bytes(file_bytes(dataset))


def test_missing_decoders_name_the_extra(monkeypatch):
    dataset = make_dataset(words("u2", (16, 16)))
    dataset.compress(RLELossless, generate_instance_uid=False)
    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "is_available", False)
    with pytest.raises(MissingDependencyError, match=r"medcodec\[dicom\]"):
        volume.read_bytes(file_bytes(dataset))


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_RLE.dcm", "rtdose_expb_1frame.dcm"])
def test_changed_bytes_are_kept_or_refused(name):
    original = (Path(pydicom.data.__file__).parent / "test_files" / name).read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(40):
        data = bytearray(original)
        for position in rng.integers(0, rng.choice([400, 2000, len(data)]), 3):
            data[position % len(data)] = rng.integers(256)
        try:
            scan = volume.read_bytes(bytes(data))
        except MedcodecError:
            continue
        assert scan.source.meta.get("converted") or volume.to_bytes(scan) == data


def bundled_files() -> list[Path]:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("path", bundled_files(), ids=lambda path: path.name)
def test_every_file_of_pydicom_comes_back_or_is_refused(path, tmp_path):
    try:
        scan = volume.read(path)
    except MedcodecError as error:
        assert path.name in str(error)  # noqa: PT017
        return
    (back,) = volume.write(scan, tmp_path / "back.dcm")
    if not scan.source.meta.get("converted"):
        whole = path.read_bytes()
        assert back.read_bytes() == (gzip.decompress(whole) if path.suffix == ".gz" else whole)
        return
    again = volume.read(back)
    assert not again.source.meta["converted"]
    assert again.voxels.tobytes() == scan.voxels.tobytes()
    old, new = pydicom.dcmread(path), pydicom.dcmread(back)
    changed = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration"}
    for element in old:
        assert element.tag.element == 0 or element.keyword in changed or new[element.tag] == element
