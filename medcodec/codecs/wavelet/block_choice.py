"""Which blocks of a frame's subbands are predicted, by what is likely to cost less."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from medcodec.codecs.wavelet.coefficients import Blocks, Key
from medcodec.codecs.wavelet.subbands import Plane, Subband, block_sums, by_coefficient, subbands
from medcodec.codecs.wavelet.synthesis import Choices
from medcodec.codecs.wavelet.transform import Transform

_BITS_UNIT = 16  # costs are in 1/16 bit
# What a block must save, in bits, to differ from most of its subband: saying so costs about that.
_SWITCH_BITS = 3
# Motion fits the noise of its references, too, so that it saves less than it seems to.
_MOTION_WEIGHT = 1.3


class BlockChoice:
    """A way to predict a frame, and the blocks that would be predicted so.

    Parameters
    ----------
    transform, step
        The spatial transform, and the frame's step.
    wanted
        Coefficients of the frame, as `Transform.forward` gives them.
    choices, motion_bytes, prediction
        How it is predicted, the size of that motion, and the picture (int32, working units).
    expected
        Coefficients of the prediction; None for the first frame of all.
    """

    def __init__(
        self,
        transform: Transform,
        step: int,
        *,
        wanted: Plane,
        choices: Choices,
        motion_bytes: int,
        prediction: Plane,
        expected: Plane | None,
    ) -> None:
        self.choices, self.motion_bytes = choices, motion_bytes
        self.prediction, self.expected = prediction, expected
        self.likely_bits = round(8 * motion_bytes * _MOTION_WEIGHT * _BITS_UNIT)
        self._bands: dict[Key, tuple[Plane, Blocks | None]] = {}
        for band in subbands(*transform.shape):
            plain = transform.scaled(wanted, band, step)
            if expected is None:
                self._bands[band.key] = plain, None
            else:
                self._choose(band, plain, transform.scaled(wanted - expected, band, step))

    def _choose(self, band: Subband, plain: Plane, difference: Plane) -> None:
        plain_costs, difference_costs = (block_sums(_likely_bits(values)) for values in (plain, difference))
        predicted = _switched(plain_costs - difference_costs)
        self.likely_bits += int(np.where(predicted, difference_costs, plain_costs).sum())
        values = np.where(by_coefficient(predicted, band.shape), difference, plain)
        self._bands[band.key] = values, predicted

    def scaled(self, band: Subband) -> tuple[Plane, Blocks | None]:
        """Return a subband's coefficients in 1/64 of its step, and which blocks are predicted."""
        return self._bands[band.key]


def _switched(saved: npt.NDArray[np.int64]) -> Blocks:
    """Return which blocks are predicted: all or none, except those that gain enough by being otherwise."""
    mostly = int(saved.sum() >= 0)
    enough = _SWITCH_BITS * _BITS_UNIT
    other = saved < -enough if mostly else saved > enough
    return np.where(other, 1 - mostly, mostly).astype(np.uint8)


@lru_cache(maxsize=1)
def _bits_table() -> npt.NDArray[np.int32]:
    sizes = np.arange(1 << 14)
    return np.round(1.2 * _BITS_UNIT * np.log2(1 + sizes / 24)).astype(np.int32)


def _likely_bits(scaled: Plane) -> npt.NDArray[np.int32]:
    """Return about what coefficients in 1/64 of a step cost, with what they distort below a step."""
    table = _bits_table()
    return table[np.minimum(np.abs(scaled), len(table) - 1)]
