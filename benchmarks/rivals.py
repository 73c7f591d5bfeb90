"""What a codec under test looks like, and the registry that the benchmarks choose from.

Slices coded alone are a list of streams; only the streams are counted, no container around them, and
the decoder is given shape and dtype for nothing. Both favour the rivals of medcodec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt

AnyArray = npt.NDArray[Any]
Streams = list[bytes]
Takes = Literal["stored", "integers", "file"]


@dataclass(frozen=True)
class Job:
    """What a codec is given.

    Parameters
    ----------
    stack
        Shape ``(frames, rows, columns)``, C-contiguous: stored values, or unsigned integers from 0. For a
        codec that takes a file its bytes, shape ``(size,)``, ``uint8``.
    bits
        Number of bits of the greatest value.
    path
        An uncompressed file with the volume, for a codec that takes a file; None for others.
    """

    stack: AnyArray
    bits: int
    path: Path | None = None


@dataclass(frozen=True)
class Rival:
    """A codec to measure.

    Parameters
    ----------
    name
        How tables and options call it.
    encode, decode
        To streams and back. ``decode`` gets the job only for its shape, dtype and bits.
    takes
        "stored": any voxels as they are; "integers": unsigned of at most 16 bits; "file": a whole file.
    needs
        Modules that must be importable; the extra ``bench`` brings them all.
    over_time
        Frames of a 4-D volume come as t within z instead of z within t; 3-D volumes are skipped. Tables
        count the better order under the name without the ending ``-t``.
    max_bits
        Greatest number of bits of an integer voxel.
    """

    name: str
    encode: Callable[[Job], Streams]
    decode: Callable[[Streams, Job], AnyArray]
    takes: Takes = "integers"
    needs: tuple[str, ...] = ()
    over_time: bool = False
    max_bits: int = 16

    def missing(self) -> list[str]:
        """Return the needed modules that are not installed."""
        return [module for module in self.needs if find_spec(module) is None]


RIVALS: dict[str, Rival] = {}


def add_rival(rival: Rival) -> None:
    """Make ``rival`` selectable by its name."""
    RIVALS[rival.name] = rival
