import io
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

SERIES = generate_uid()


def make_dataset(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **attributes: object) -> Dataset:
    """An MR image; ``pixels`` has the shape (rows, columns), words in native order."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = SERIES, SERIES
    dataset.Modality, dataset.PatientName, dataset.PatientID = "MR", "Test^Person", "1"
    dataset.SeriesNumber, dataset.InstanceNumber = 7, 1
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.75], 4
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    little = syntax != ExplicitVRBigEndian
    stored = pixels if little else pixels.byteswap()
    dataset.add_new("PixelData", "OW" if pixels.dtype.itemsize > 1 else "OB", stored.tobytes())
    dataset.add_new(0x00091001, "OB", b"private")
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def file_bytes(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.save_as(
        file,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return file.getvalue()


def save(folder: Path, name: str, dataset: Dataset) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file_bytes(dataset))
    return path


def words(code: str = "i2", shape: tuple[int, ...] = (6, 5), seed: int = 0) -> np.ndarray:
    kind = np.iinfo(code)
    return np.random.default_rng(seed).integers(kind.min, kind.max, shape, code, endpoint=True)
