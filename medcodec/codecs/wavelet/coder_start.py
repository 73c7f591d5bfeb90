"""What the coders of coefficients begin with: counters and mixing weights that were trained beforehand.

Coders learn while they code. A group is short: with nothing learnt before, its first frames pay for it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.errors import FormatError

# Both are told as numbers of four bytes.
COUNTERS, WEIGHTS = (len(part) // 4 for part in _native.SubbandEncoder(trained=True).learnt())
LARGEST_WEIGHT = _native.SUBBAND_LARGEST_WEIGHT
_BYTES = COUNTERS * 3 + WEIGHTS * 4


@dataclass(frozen=True, eq=False)
class CoderStart:
    """Where one coder begins.

    Parameters
    ----------
    probabilities
        uint16 of shape (`COUNTERS`,): of each counter, in 1/65536.
    counts
        uint8 of the same shape: how often it was met, as it were. A counter changes by 1 / (count + 1.5), so
        that a small count lets it learn on.
    weights
        int32 of shape (`WEIGHTS`,), within plus and minus `LARGEST_WEIGHT`.

    Raises
    ------
    FormatError
        If a shape, a dtype or a weight is another.
    """

    probabilities: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        wanted = ((np.uint16, COUNTERS), (np.uint8, COUNTERS), (np.int32, WEIGHTS))
        fit = (
            values.dtype == dtype and values.shape == (length,)
            for values, (dtype, length) in zip(self._arrays, wanted, strict=True)
        )
        if not all(fit) or np.abs(self.weights.astype(np.int64)).max() > LARGEST_WEIGHT:
            msg = "what coders of coefficients should begin with does not fit them"
            raise FormatError(msg)

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return self.probabilities, self.counts, self.weights

    @cached_property
    def _states(self) -> npt.NDArray[np.uint32]:
        return (self.probabilities.astype(np.uint32) << 16 | self.counts).astype(np.uint32)

    def put_into(self, coder: Any) -> None:
        """Let a new coder of the native module begin here."""
        coder.begin_with(self._states, self.weights)

    def to_bytes(self) -> bytes:
        """Return ``<I`` and so many bytes of zlib: probabilities, counts and weights, little-endian."""
        parts = (values.astype(values.dtype.newbyteorder("<")).tobytes() for values in self._arrays)
        packed = zlib.compress(b"".join(parts), 9)
        return struct.pack("<I", len(packed)) + packed

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[CoderStart, bytes]:
        """Read what `to_bytes` wrote, and return what follows it too.

        Raises
        ------
        FormatError
            If it is cut off or malformed.
        """
        try:
            (size,) = struct.unpack_from("<I", data)
            unpacker = zlib.decompressobj()
            raw = unpacker.decompress(data[4 : 4 + size], _BYTES)
        except (struct.error, zlib.error) as error:
            msg = f"what coders of coefficients begin with is damaged ({error})"
            raise FormatError(msg) from error
        if len(raw) != _BYTES or not unpacker.eof:
            msg = f"what coders of coefficients begin with is not {_BYTES} bytes long"
            raise FormatError(msg)
        probabilities, counts, weights = np.split(np.frombuffer(raw, np.uint8), [2 * COUNTERS, 3 * COUNTERS])
        return cls(
            probabilities.view("<u2").astype(np.uint16), counts, weights.view("<i4").astype(np.int32)
        ), data[4 + size :]
