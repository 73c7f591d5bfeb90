"""Marks of lossy compression in a source record: which codec, with which bound, at which ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medcodec.errors import FormatError
from medcodec.volume.model import SourceRecord

KEY = "lossy"


@dataclass(frozen=True)
class LossyMark:
    """One lossy compression that a volume went through.

    Parameters
    ----------
    codec
        Name of the codec.
    max_error
        Greatest error of a voxel in stored units; None where it was not bounded.
    ratio
        Size of the voxels over that of the compressed file.
    """

    codec: str
    max_error: float | None
    ratio: float


def lossy_marks(source: SourceRecord) -> tuple[LossyMark, ...]:
    """Return all marks of a volume's source record, the oldest first; empty if nothing was lost.

    Raises
    ------
    FormatError
        If they are malformed.
    """
    marks = []
    try:
        for mark in source.meta.get(KEY, ()):
            bound, ratio = mark["max_error"], float(mark["ratio"])
            valid = isinstance(mark["codec"], str) and math.isfinite(ratio) and ratio > 0
            marks.append(LossyMark(mark["codec"], None if bound is None else float(bound), ratio))
            if not valid:
                raise ValueError(mark)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"the record of the {source.format} source has malformed marks of lossy compression ({error})"
        raise FormatError(msg) from error
    return tuple(marks)
