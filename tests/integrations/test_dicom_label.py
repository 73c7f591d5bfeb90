from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

import medcodec
from medcodec.cli import main
from medcodec.errors import FormatError, LossyMammogramWarning
from medcodec.volume.lossy import lossy_marks
from medcodec.volume.model import SourceRecord

sys.path.insert(0, str(Path(__file__).parents[1] / "volume"))

from dicom_files import file_bytes, make_dataset, save, words

ATTRIBUTES = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
SYNTAXES = [
    pydicom.uid.ExplicitVRLittleEndian,
    pydicom.uid.ImplicitVRLittleEndian,
    pydicom.uid.ExplicitVRBigEndian,
]


def restored(dataset, tmp_path, *, max_error=2, name="image"):
    path = save(tmp_path, f"{name}.dcm", dataset)
    medcodec.compress(path, tmp_path / f"{name}.medc", codec="test-lzma", max_error=max_error, overwrite=True)
    (back,) = medcodec.decompress(tmp_path / f"{name}.medc", tmp_path / "back.dcm", overwrite=True).paths
    return back


@pytest.mark.parametrize("syntax", SYNTAXES, ids=["explicit", "implicit", "big"])
def test_a_lossy_image_says_so(tmp_path, syntax):
    pixels = words("i2", (16, 15))
    dataset = make_dataset(pixels, syntax, ImageType=["ORIGINAL", "PRIMARY", "M"])
    found = pydicom.dcmread(restored(dataset, tmp_path))
    assert found.LossyImageCompression == "01"
    assert found.LossyImageCompressionMethod == "MEDCODEC"
    file_size = (tmp_path / "image.medc").stat().st_size
    assert float(found.LossyImageCompressionRatio) == pytest.approx(pixels.nbytes / file_size, rel=1e-3)
    assert list(found.ImageType) == ["DERIVED", "PRIMARY", "M"]
    assert found.SOPInstanceUID != dataset.SOPInstanceUID
    assert found.SOPInstanceUID.is_valid
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert found.SeriesInstanceUID == dataset.SeriesInstanceUID
    description = found.DerivationDescription
    assert f"medcodec {medcodec.__version__}, codec test-lzma" in description
    assert "no pixel off by more than 2 stored units" in description
    assert found.DerivationCodeSequence[-1].CodeValue == "113040"
    source = found.SourceImageSequence[-1]
    assert source.ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert found.file_meta.TransferSyntaxUID == syntax
    assert found[0x00091001].value.rstrip(b"\0") == b"private"
    difference = found.pixel_array.astype(int) - pixels
    assert 0 < np.abs(difference).max() <= 2


def test_the_same_content_gives_the_same_instance(tmp_path):
    dataset = make_dataset(words())
    first = restored(dataset, tmp_path).read_bytes()
    assert restored(dataset, tmp_path).read_bytes() == first
    other = pydicom.dcmread(restored(dataset, tmp_path, max_error=3))
    assert other.SOPInstanceUID != pydicom.dcmread(tmp_path / "back.dcm", force=True).SOPClassUID
    dataset.PixelData = words(seed=1).tobytes()
    uids = {pydicom.dcmread(restored(dataset, tmp_path, max_error=bound)).SOPInstanceUID for bound in (2, 3)}
    assert len(uids | {dataset.SOPInstanceUID, other.SOPInstanceUID}) == 4


def test_lossless_images_stay_as_they_are(tmp_path):
    dataset = make_dataset(words(), ImageType=["ORIGINAL", "PRIMARY"])
    assert restored(dataset, tmp_path, max_error=0).read_bytes() == file_bytes(dataset)


def test_labels_follow_those_of_earlier_compressions(tmp_path):
    dataset = make_dataset(words(), LossyImageCompression="01", LossyImageCompressionRatio=[4, 8])
    dataset.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_15444_1"]
    dataset.DerivationDescription = "made smaller"
    found = pydicom.dcmread(restored(dataset, tmp_path))
    assert list(found.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1", "MEDCODEC"]
    assert [float(ratio) for ratio in found.LossyImageCompressionRatio[:2]] == [4, 8]
    assert len(found.LossyImageCompressionRatio) == 3
    assert found.DerivationDescription.startswith("made smaller; medcodec")
    again = pydicom.dcmread(restored(found, tmp_path, name="twice"))
    assert list(again.LossyImageCompressionMethod)[2:] == ["MEDCODEC", "MEDCODEC"]
    assert [item.ReferencedSOPInstanceUID for item in again.SourceImageSequence] == [
        dataset.SOPInstanceUID,
        found.SOPInstanceUID,
    ]


def test_an_earlier_method_that_was_not_told_keeps_its_place(tmp_path):
    dataset = make_dataset(words(), LossyImageCompression="01", LossyImageCompressionRatio=4)
    found = pydicom.dcmread(restored(dataset, tmp_path))
    assert list(found.LossyImageCompressionMethod) == ["", "MEDCODEC"]
    assert float(found.LossyImageCompressionRatio[0]) == 4


def test_losing_twice_within_medcodec_is_told_twice(tmp_path):
    save(tmp_path, "image.dcm", make_dataset(words()))
    medcodec.compress(tmp_path / "image.dcm", tmp_path / "a.medc", codec="test-lzma", max_error=2)
    volume = medcodec.api.load_volume(tmp_path / "a.medc")
    medcodec.compress(volume, tmp_path / "b.medc", codec="test-lzma", max_error=5)
    medcodec.compress(volume, tmp_path / "c.medc", codec="test-lzma")
    for name, bounds in (("b", [2, 5]), ("c", [2])):
        medcodec.decompress(tmp_path / f"{name}.medc")
        found = pydicom.dcmread(tmp_path / f"{name}.dcm")
        assert found.DerivationDescription.count("medcodec") == len(bounds)
        assert all(f"more than {bound} stored" in found.DerivationDescription for bound in bounds)


def test_every_file_of_a_series_is_labelled(tmp_path):
    for place in range(3):
        dataset = make_dataset(words(seed=place), InstanceNumber=place + 1)
        dataset.ImagePositionPatient = [0, 0, 4 * place]
        save(tmp_path / "series", f"{place}.dcm", dataset)
    medcodec.compress(tmp_path / "series", tmp_path / "s.medc", codec="test-lzma", max_error=1)
    paths = medcodec.decompress(tmp_path / "s.medc", tmp_path / "back").paths
    found = [pydicom.dcmread(path) for path in paths]
    assert len({dataset.SOPInstanceUID for dataset in found}) == 3
    for dataset in found:
        assert all(keyword in dataset for keyword in ATTRIBUTES)


def test_what_is_salvaged_is_labelled(tmp_path):
    restored(make_dataset(words()), tmp_path)
    broken = (tmp_path / "image.medc").read_bytes()
    (tmp_path / "image.medc").write_bytes(broken[:-10])
    done = medcodec.decompress(tmp_path / "image.medc", tmp_path / "saved.dcm", salvage=True)
    assert done.salvaged.notes
    assert pydicom.dcmread(tmp_path / "saved.dcm").LossyImageCompressionMethod == "MEDCODEC"


def test_stray_elements_of_messages_do_no_harm(tmp_path):
    data = file_bytes(make_dataset(words()))
    at = data.index(b"\x08\x00\x16\x00UI")
    (tmp_path / "image.dcm").write_bytes(data[:at] + b"\0\0\0\x01US\x02\0\x01\0" + data[at:])
    medcodec.compress(tmp_path / "image.dcm", codec="test-lzma", max_error=1)
    (back,) = medcodec.decompress(tmp_path / "image.medc", tmp_path / "back.dcm").paths
    assert pydicom.dcmread(back).LossyImageCompression == "01"


def test_types_of_frames_become_derived_too(tmp_path):
    dataset = make_dataset(words(), ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    frame, kind = pydicom.Dataset(), pydicom.Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    frame.MRImageFrameTypeSequence = [kind]
    dataset.SharedFunctionalGroupsSequence = [frame]
    found = pydicom.dcmread(restored(dataset, tmp_path))
    shared = found.SharedFunctionalGroupsSequence[0].MRImageFrameTypeSequence[0]
    assert list(shared.FrameType) == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]


@pytest.mark.parametrize(("signed", "bits"), [(True, 12), (False, 10)])
def test_errors_never_leave_the_stored_bits(tmp_path, signed, bits):
    # Alternating extremes: rounding to multiples of the step goes beyond both ends.
    lowest, highest = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    pixels = np.array([[lowest, highest, highest - 1, lowest + 1]] * 4, "i2" if signed else "u2")
    stored = (pixels & ((1 << bits) - 1)).astype(pixels.dtype)
    dataset = make_dataset(stored, BitsStored=bits, HighBit=bits - 1)
    for bound in (1, 2, 3, 4, 7):
        found = pydicom.dcmread(restored(dataset, tmp_path, max_error=bound))
        raw = np.frombuffer(found.PixelData, "<u2")
        assert raw.max() < 1 << bits
        assert np.abs(found.pixel_array.astype(int) - pixels).max() <= bound


def test_other_formats_are_not_touched_by_marks(tmp_path):
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    medcodec.compress(voxels, tmp_path / "a.medc", codec="test-lzma", max_error=1)
    volume = medcodec.api.load_volume(tmp_path / "a.medc")
    (mark,) = lossy_marks(volume.source)
    assert (mark.codec, mark.max_error) == ("test-lzma", 1)
    (back,) = medcodec.decompress(tmp_path / "a.medc").paths
    assert np.abs(np.load(back) - voxels).max() <= 1
    assert medcodec.verify(tmp_path / "a.medc", back).source_identical


MALFORMED = [
    3,
    [3],
    [{}],
    [{"codec": "a", "max_error": "x", "ratio": 1}],
    [{"codec": "a", "max_error": None, "ratio": float("nan")}],
    [{"codec": 1, "max_error": None, "ratio": 1}],
]


@pytest.mark.parametrize("marks", MALFORMED)
def test_malformed_marks_are_refused(marks):
    with pytest.raises(FormatError, match="marks"):
        lossy_marks(SourceRecord("dicom", {"lossy": marks}))


MAMMOGRAMS = [{"Modality": "MG"}, {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1"}]


@pytest.mark.parametrize("attributes", MAMMOGRAMS, ids=["modality", "class"])
def test_lossy_mammograms_bring_a_warning(tmp_path, attributes, capsys):
    path = save(tmp_path, "breast.dcm", make_dataset(words(), **attributes))
    with pytest.warns(LossyMammogramWarning, match=r"breast\.dcm"):
        done = medcodec.compress(path, codec="test-lzma", max_error=1)
    assert "diagnosis" in done.notes[0]
    with pytest.warns(LossyMammogramWarning):
        medcodec.decompress(tmp_path / "breast.medc", tmp_path / "back.dcm")
    options = ["--codec", "test-lzma", "--max-error", "1", "-f"]
    assert main(["compress", str(path), *options]) == 0
    assert main(["compress", str(path), "-o", f"{tmp_path}/", *options]) == 0
    assert main(["decompress", str(tmp_path / "breast.medc"), "-f"]) == 0
    assert capsys.readouterr().err.count("diagnosis") == 3


def test_no_warning_without_loss_or_breast(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", LossyMammogramWarning)
        restored(make_dataset(words(), Modality="MG"), tmp_path, max_error=0)
        restored(make_dataset(words()), tmp_path, max_error=2)
