"""Formats whose file is a header, the plain voxels, and a tail: restored byte for byte."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.volume.formats import Format, RestoredFile, blob
from medcodec.volume.model import SourceRecord, Volume
from medcodec.volume.raw import Order, byteorder_of, put_voxels, take_voxels
from medcodec.volume.streams import Buffer


@dataclass(frozen=True)
class Layout:
    """Where the voxels of a file are and what they mean.

    Parameters
    ----------
    offset
        Bytes before the voxels.
    shape, dtype, order
        As stored: ``dtype`` with its byte order, ``order`` "F" if the first axis runs fastest.
    affine, slope, intercept
        As in `Volume`.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Order = "F"
    affine: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    slope: float = 1.0
    intercept: float = 0.0


class RawFile(Format):
    """One file whose uncompressed bytes are kept: head, voxels, tail."""

    @abstractmethod
    def locate(self, data: Buffer, *, place: str) -> Layout:
        """Return the layout that the header in ``data`` describes."""

    def parse(self, data: Buffer, *, place: str) -> Volume:
        """Return the volume in the uncompressed bytes of a file."""
        layout = self.locate(data, place=place)
        voxels, end = take_voxels(
            data,
            offset=layout.offset,
            shape=layout.shape,
            dtype=layout.dtype,
            order=layout.order,
            place=place,
        )
        meta = {"byteorder": byteorder_of(layout.dtype), "order": layout.order}
        blobs = {"head": bytes(data[: layout.offset]), "tail": bytes(data[end:])}
        source = SourceRecord(self.name, meta, blobs)
        return Volume(voxels, layout.affine, layout.slope, layout.intercept, source)

    def restore(self, volume: Volume, name: str) -> Iterator[RestoredFile]:
        """Yield the one file, uncompressed."""
        source = volume.source
        order: Order = "C" if source.meta.get("order") == "C" else "F"
        voxels = put_voxels(volume.voxels, byteorder=str(source.meta.get("byteorder")), order=order)
        yield name, chain([blob(source, "head")], voxels, [blob(source, "tail")])
