"""Pictures and their coefficients: lifting and quantisation, all in integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import FrameLevels
from medcodec.codecs.wavelet.quality import SCALED, STEP_UNIT, subband_step
from medcodec.codecs.wavelet.subbands import (
    ROWS,
    Plane,
    Subband,
    by_coefficient,
    level_count,
    reduced,
    subbands,
    synthesis_norm,
)

_LARGEST = (1 << 30) - 1


@dataclass(frozen=True)
class Transform:
    """The spatial transform of pictures of one shape.

    Parameters
    ----------
    shape
        Height and width.
    states
        Of the trellis that quantises its coefficients; 0 for a reversible transform, integer 5/3 with steps
        of one, which loses nothing. Else it is CDF 9/7.
    """

    shape: tuple[int, int]
    states: int

    @property
    def reversible(self) -> bool:
        """Whether nothing is lost."""
        return self.states == 0

    @property
    def levels(self) -> int:
        """How many levels of lifting there are."""
        return level_count(*self.shape)

    def step_of(self, band: Subband, step: int) -> int:
        """Return a subband's step in 1/16, for that of an orthonormal transform."""
        if self.reversible:
            return STEP_UNIT
        return subband_step(step, synthesis_norm(band.orientation, band.level, self.levels))

    def forward(self, picture: Plane) -> Plane:
        """Return a picture's coefficients, in a plane as lifting leaves them."""
        plane = np.array(picture, np.int32, order="C")
        _native.lift_forward(plane, levels=self.levels, reversible=self.reversible)
        return plane

    def scaled(self, plane: Plane, band: Subband, step: int) -> Plane:
        """Return a subband's coefficients in 1/64 of its step."""
        unit = self.step_of(band, step)
        values = plane[band.rows, band.columns].astype(np.int64) * (SCALED * STEP_UNIT)
        return np.clip((values + unit // 2) // unit, -_LARGEST, _LARGEST).astype(np.int32)

    def dequantised(self, levels: Plane, band: Subband, step: int) -> npt.NDArray[np.int64]:
        """Return the coefficients of a subband that levels stand for."""
        values = (self._half_steps(levels, band).astype(np.int64) * self.step_of(band, step) + STEP_UNIT) >> 5
        return np.clip(values, -_LARGEST // 64, _LARGEST // 64, out=values)

    def inverse(self, frame: FrameLevels, step: int, prediction: Plane | None, *, skip: int = 0) -> Plane:
        """Return the picture that levels stand for, in working units.

        Parameters
        ----------
        frame
            Levels, and which blocks of them are added to the prediction.
        step
            As for `step_of`.
        prediction
            Coefficients of the prediction, as `forward` gives them; None without one.
        skip
            How many of the finest levels of lifting are left out: the picture is smaller, its values as
            large.
        """
        plane = np.zeros(self.shape, np.int32)
        for band in subbands(*self.shape):
            levels = frame.levels.get(band.key)
            if levels is None:
                continue
            values = self.dequantised(levels, band, step)
            predicted = frame.predicted.get(band.key)
            if prediction is not None and predicted is not None:
                values += prediction[band.rows, band.columns] * by_coefficient(predicted, band.shape)
            plane[band.rows, band.columns] = values
        _native.lift_inverse(
            plane, levels=self.levels, reversible=self.reversible, skip=min(skip, self.levels)
        )
        height, width = (reduced(size, skip) for size in self.shape)
        return plane[:height, :width]

    def _half_steps(self, levels: Plane, band: Subband) -> Plane:
        if self.reversible or not band.dependent:
            return 2 * levels
        values = np.empty_like(levels)
        _native.half_steps(levels, self.states, band.orientation == ROWS, values)
        return values
