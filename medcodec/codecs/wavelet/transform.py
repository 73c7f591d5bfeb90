"""A residual and its coefficients: lifting and quantisation, all in integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import Key, Levels
from medcodec.codecs.wavelet.quality import SCALED, subband_step
from medcodec.codecs.wavelet.subbands import Plane, Subband, level_count, reduced, subbands, synthesis_norm

_UNIT = 16
_LARGEST = (1 << 30) - 1


@dataclass(frozen=True)
class Transform:
    """The spatial transform of pictures of one shape.

    Parameters
    ----------
    shape
        Height and width.
    reversible
        Integer 5/3 with steps of one, which loses nothing; else CDF 9/7.
    """

    shape: tuple[int, int]
    reversible: bool

    @property
    def levels(self) -> int:
        """How many levels of lifting there are."""
        return level_count(*self.shape)

    def step_of(self, band: Subband, step: int) -> int:
        """Return a subband's step in 1/16, for that of an orthonormal transform."""
        if self.reversible:
            return _UNIT
        return subband_step(step, synthesis_norm(band.orientation, band.level, self.levels))

    def forward(self, residual: Plane, step: int) -> dict[Key, Plane]:
        """Return coefficients in 1/64 of their step, by subband."""
        plane = np.array(residual, np.int32, order="C")
        _native.lift_forward(plane, levels=self.levels, reversible=self.reversible)
        scaled = {}
        for band in subbands(*self.shape):
            unit = self.step_of(band, step)
            values = plane[band.rows, band.columns].astype(np.int64) * (SCALED * _UNIT)
            values = (values + unit // 2) // unit
            scaled[band.key] = np.ascontiguousarray(np.clip(values, -_LARGEST, _LARGEST), np.int32)
        return scaled

    def inverse(self, levels: Mapping[Key, Plane] | Levels, step: int, *, skip: int = 0) -> Plane:
        """Return the residual that levels stand for, in working units.

        ``skip`` finest levels of lifting are left out: the picture is smaller, with values as large.
        """
        plane = np.zeros(self.shape, np.int32)
        for band in subbands(*self.shape):
            if band.key in levels:
                unit = self.step_of(band, step)
                values = (levels[band.key].astype(np.int64) * unit + _UNIT // 2) >> 4
                plane[band.rows, band.columns] = np.clip(values, -_LARGEST // 64, _LARGEST // 64)
        _native.lift_inverse(plane, levels=self.levels, reversible=self.reversible, skip=min(skip, self.levels))
        height, width = (reduced(size, skip) for size in self.shape)
        return plane[:height, :width]
