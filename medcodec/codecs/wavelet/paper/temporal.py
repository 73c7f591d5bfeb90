"""One temporal level: lifting along motion, with its own denoisers, motion coder and quality scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from medcodec.codecs.wavelet.paper.entropy import straight_round
from medcodec.codecs.wavelet.paper.flow import warp
from medcodec.codecs.wavelet.paper.lifting import CORRECTION_WEIGHT, Correction
from medcodec.codecs.wavelet.paper.motion import MotionCoder

_PREDICT_GAIN = 1 / math.sqrt(2)
_UPDATE_GAIN = 0.5


class TemporalLevel(nn.Module):
    """Splits a pair of frames into a lowpass and a highpass frame, and joins them again.

    Parameters
    ----------
    lossless
        Whole numbers in, whole numbers out, and exactly invertible; without the gains of the lossy form.
    """

    def __init__(self, *, lossless: bool = False) -> None:
        super().__init__()
        self.lossless = lossless
        self.predict = Correction()
        self.update = Correction()
        self.motion = MotionCoder()
        # q_scale of equation 2 at q = 0 and q = 20.
        self.layer_scale = nn.Parameter(torch.ones(2, 1, 1, 1))

    def analyse(self, reference: Tensor, frame: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return lowpass and highpass of a reference and the frame after it, all of shape (N, 1, H, W)."""
        high = frame - self.prediction(reference, flow)
        return reference + self._back(high, flow), high

    def synthesise(self, low: Tensor, high: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Return reference and frame from what `analyse` gave."""
        reference = low - self._back(high, flow)
        return reference, high + self.prediction(reference, flow)

    def prediction(self, reference: Tensor, flow: Tensor) -> Tensor:
        """Return the motion-compensated prediction of the frame after a reference."""
        return self._filtered(self.predict, warp(reference, flow), _PREDICT_GAIN)

    def _back(self, high: Tensor, flow: Tensor) -> Tensor:
        return self._filtered(self.update, warp(high, -flow), _UPDATE_GAIN)

    def _filtered(self, correction: Correction, warped: Tensor, gain: float) -> Tensor:
        if self.lossless:
            warped = straight_round(warped)
            return warped + straight_round(CORRECTION_WEIGHT * correction(warped))
        return gain * (warped + CORRECTION_WEIGHT * correction(warped))
