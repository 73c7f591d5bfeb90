"""Scans: found and read in any supported format, held as stored, and written back as they were."""

from medcodec.volume import arrays, dicom, metaimage, mgh, nifti, nifti_pair, nrrd
from medcodec.volume.arrays import from_array
from medcodec.volume.formats import Format, formats, suffixes
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.scans import ScanSource, find_scans, read, read_bytes, to_bytes, write

__all__ = [
    "Format",
    "ScanSource",
    "SourceRecord",
    "Volume",
    "arrays",
    "dicom",
    "find_scans",
    "formats",
    "from_array",
    "metaimage",
    "mgh",
    "nifti",
    "nifti_pair",
    "nrrd",
    "read",
    "read_bytes",
    "suffixes",
    "to_bytes",
    "write",
]
