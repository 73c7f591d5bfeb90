"""Stored values and working units: whole numbers from 0 to at most 65535 that all arithmetic is done in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import AnyArray
from medcodec.errors import UnsupportedDataError

_MOST = (1 << 16) - 1
_WORKING_BITS = 14


@dataclass(frozen=True)
class Intensity:
    """How stored values become working units.

    Parameters
    ----------
    low, high
        Range of the stored values.
    whole
        They are integers.
    exact
        No fraction bits are wanted: what is coded are the values themselves.
    """

    low: float
    high: float
    whole: bool
    exact: bool

    @property
    def levels(self) -> int:
        """The greatest number of units above ``low``."""
        span = self.high - self.low
        return int(span) if span == 0 or (self.whole and span <= _MOST) else _MOST

    @property
    def lossless(self) -> bool:
        """Whether each stored value has a number of its own."""
        return self.whole and self.high - self.low <= _MOST

    @property
    def fraction_bits(self) -> int:
        """Bits of a working unit below a number: small ranges are computed more finely."""
        return 0 if self.exact else max(0, _WORKING_BITS - max(1, self.levels.bit_length()))

    @property
    def top(self) -> int:
        """The greatest working unit."""
        return self.levels << self.fraction_bits

    @property
    def _unit(self) -> float:
        return 1.0 if self.lossless or self.high == self.low else (self.high - self.low) / _MOST

    def forward(self, voxels: AnyArray) -> npt.NDArray[np.int32]:
        """Return working units; values beyond the range are cut off.

        Raises
        ------
        UnsupportedDataError
            If a value is not finite.
        """
        if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
            msg = "the wavelet codec cannot code NaN or infinity; use the adaptive codec"
            raise UnsupportedDataError(msg)
        if self.lossless:
            low, high = (voxels.dtype.type(int(bound)) for bound in (self.low, self.high))
            # Differences may overflow signed voxels; their bits are those of the unsigned difference.
            units = (np.clip(voxels, low, high) - low).view(f"u{voxels.itemsize}")
        else:
            if not 0 < self._unit < np.inf:
                msg = f"the wavelet codec cannot code values from {self.low:g} to {self.high:g}; "
                msg += "use the adaptive codec"
                raise UnsupportedDataError(msg)
            units = np.floor((voxels.astype(np.float64) - self.low) / self._unit + 0.5)
        clipped: npt.NDArray[np.int32] = np.clip(units, 0, self.levels).astype(np.int32)
        return clipped << self.fraction_bits

    def backward(self, pictures: npt.NDArray[np.int32], dtype: np.dtype[Any]) -> AnyArray:
        """Return stored values, rounded, in a dtype."""
        values: AnyArray
        units = (pictures + (1 << self.fraction_bits >> 1)) >> self.fraction_bits
        if self.lossless:
            values = units.astype(np.uint64) + np.uint64(int(self.low) % 2**64)
            return values.astype(dtype)
        values = units * self._unit + self.low
        if self.whole:
            values = np.clip(np.floor(values + 0.5), self.low, self.high)
        return values.astype(dtype)
