"""Errors of coefficients coded before, which later ones make up for.

The pictures of coefficients of the 9/7 overlap, so that what one of them lacks after quantisation is partly
within reach of its neighbours. Each step of a subband therefore aims at what is left of the frame, not at
its own coefficients alone, in the order of coding. Only the encoder does this.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import Blocks
from medcodec.codecs.wavelet.model import STEPS
from medcodec.codecs.wavelet.quality import SCALED, STEP_UNIT
from medcodec.codecs.wavelet.subbands import LOW, ROWS, Plane, Subband, reduced, synthesis_norm
from medcodec.codecs.wavelet.transform import Transform

_FRACTION = 64  # errors are in such parts of a coefficient's unit


def _phase(band: Subband, number: int) -> tuple[slice, slice]:
    """Return where the coefficients of a step lie in a subband; in transposed ones row and column swap."""
    row, column = _native.SUBBAND_PHASES[number][:: -1 if band.orientation == ROWS else 1]
    return slice(row, None, 2), slice(column, None, 2)


class Feedback:
    """What the levels of a frame aim at, subband by subband, coarse to fine.

    Parameters
    ----------
    transform, step
        The spatial transform, not a reversible one, and the frame's step.
    scaled
        Gives a subband's coefficients in 1/64 of their step, and which blocks are predicted.
    """

    def __init__(
        self, transform: Transform, step: int, scaled: Callable[[Subband], tuple[Plane, Blocks | None]]
    ) -> None:
        self._transform, self._step, self._scaled = transform, step, scaled
        # What coded coefficients lack; of coarser levels, what the low band lacks that they make.
        self._errors = np.zeros(transform.shape, np.int32)
        self._level = max(transform.levels - 1, 0)
        self._wanted = np.zeros((0, 0), np.int32)
        self._undecided: Subband | None = None

    def scaled(self, band: Subband) -> tuple[Plane, Blocks | None]:
        """Return what a subband's first step aims at, in 1/64 of its step, and which blocks are predicted."""
        if self._undecided is not None:  # and never was: it is all zero
            last = self._undecided
            self._errors[last.rows, last.columns] = self._wanted * self._unit(last)
        if band.level < self._level:
            height, width = self._shape()
            self._errors[:height, :width] = self._lacking()
            self._level = band.level
        self._wanted, predicted = self._scaled(band)
        self._undecided = band
        aims = self._wanted.copy()
        self._aim(band, 0, aims)
        return aims, predicted

    def after(self, band: Subband, number: int, levels: Plane, aims: Plane) -> None:
        """Set what the step after ``number``, which has decided some of ``levels``, aims at, in ``aims``."""
        self._undecided = None
        phase = _phase(band, number)
        decoded = self._transform.dequantised(levels, band, self._step)[phase]
        self._errors[band.rows, band.columns][phase] = (
            self._wanted[phase] * self._unit(band) - _FRACTION * decoded
        )
        if number < STEPS - 1:
            self._aim(band, number + 1, aims)

    def _unit(self, band: Subband) -> float:
        """Return what 1/64 of a subband's step is in errors."""
        return _FRACTION * self._transform.step_of(band, self._step) / (SCALED * STEP_UNIT)

    def _aim(self, band: Subband, number: int, aims: Plane) -> None:
        if band.orientation == LOW:
            return
        phase = _phase(band, number)
        seen = self._lacking()
        _native.lift_transposed(seen)
        unit = synthesis_norm(band.orientation, 0, 1) ** 2 * self._unit(band)
        aims[phase] = self._wanted[phase] + np.rint(seen[band.rows, band.columns][phase] / unit)

    def _shape(self) -> tuple[int, int]:
        height, width = (reduced(size, self._level) for size in self._transform.shape)
        return height, width

    def _lacking(self) -> Plane:
        """Return what the picture lacks that the subbands down to this level make."""
        height, width = self._shape()
        plane: Plane = self._errors[:height, :width].copy()
        _native.lift_inverse(plane, levels=1, reversible=False)
        return plane
