"""The spatial wavelet transform: CDF 9/7 by lifting, each step with a small learned correction (iWave++)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from medcodec.codecs.wavelet.paper.blocks import conv
from medcodec.codecs.wavelet.paper.entropy import straight_round

Subbands = dict[str, Tensor]

LEVELS = 4
DETAILS = ("lh", "hl", "hh")
# Values 0..255 enter the corrections divided by this.
DYNAMIC_RANGE = 256.0
CORRECTION_WEIGHT = 0.1

_PREDICT = (-1.586134342059924, 0.882911075530934)
_UPDATE = (-0.052980118572961, 0.443506852043971)
_LOW_GAIN = 1.149604398860241
_HIGH_GAIN = 0.869864451624781


class Correction(nn.Module):
    """A residual network of four small convolutions; also the denoising module of the temporal lifting."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(1, 16)
        self.conv2 = conv(16, 16)
        self.conv3 = conv(16, 16)
        self.conv4 = conv(16, 1)

    def forward(self, plane: Tensor) -> Tensor:
        """Return what to add to a plane, same shape (N, 1, H, W)."""
        first = self.conv1(plane)
        inner = self.conv3(torch.tanh(self.conv2(torch.tanh(first))))
        return self.conv4(first + inner)


class LiftingStep(nn.Module):
    """A filter over two neighbouring rows of the other half, plus a learned correction of its result.

    Parameters
    ----------
    weight
        What each of both rows counts at the start.
    ahead
        Whether the neighbours are this row and the next (prediction), else this and the one before (update).
    """

    def __init__(self, weight: float, *, ahead: bool) -> None:
        super().__init__()
        self.kernel = nn.Conv2d(1, 1, (3, 1))
        taps = [0.0, weight, weight] if ahead else [weight, weight, 0.0]
        with torch.no_grad():
            self.kernel.weight.copy_(torch.tensor(taps).reshape(1, 1, 3, 1))
            self.kernel.bias.zero_()
        self.correction = Correction()

    def forward(self, half: Tensor) -> Tensor:
        """Return what to add to the other half, same shape (N, 1, H / 2, W)."""
        plain = self.kernel(functional.pad(half, (0, 0, 1, 1), mode="reflect"))
        learned = self.correction(plain / DYNAMIC_RANGE) * DYNAMIC_RANGE
        return plain + CORRECTION_WEIGHT * learned


class SpatialLifting(nn.Module):
    """One transform for rows and columns of all levels.

    Parameters
    ----------
    lossless
        Whole numbers in, whole numbers out, and exactly invertible; without the gains of the lossy form.
    """

    def __init__(self, *, lossless: bool = False) -> None:
        super().__init__()
        self.lossless = lossless
        self.predict1 = LiftingStep(_PREDICT[0], ahead=True)
        self.update1 = LiftingStep(_UPDATE[0], ahead=False)
        self.predict2 = LiftingStep(_PREDICT[1], ahead=True)
        self.update2 = LiftingStep(_UPDATE[1], ahead=False)

    def analyse(self, plane: Tensor) -> list[Subbands]:
        """Split a plane into subbands.

        Parameters
        ----------
        plane
            Shape (N, 1, H, W), both sizes multiples of 16 and at least 64.

        Returns
        -------
        list[Subbands]
            Per level, finest first, ``lh``, ``hl``, ``hh`` (first letter: from row to row) and, in the last,
            ``ll``.
        """
        levels: list[Subbands] = []
        for _ in range(LEVELS):
            low, high = self._split(plane)
            plane, lh = self._split_columns(low)
            hl, hh = self._split_columns(high)
            levels.append({"lh": lh, "hl": hl, "hh": hh})
        levels[-1]["ll"] = plane
        return levels

    def synthesise(self, levels: list[Subbands]) -> Tensor:
        """Return the plane that `analyse` took apart, shape (N, 1, H, W)."""
        plane = levels[-1]["ll"]
        for bands in reversed(levels):
            low = self._merge(plane.mT, bands["lh"].mT).mT
            high = self._merge(bands["hl"].mT, bands["hh"].mT).mT
            plane = self._merge(low, high)
        return plane

    def _split_columns(self, plane: Tensor) -> tuple[Tensor, Tensor]:
        low, high = self._split(plane.mT)
        return low.mT, high.mT

    def _step(self, step: LiftingStep, half: Tensor) -> Tensor:
        return straight_round(step(half)) if self.lossless else step(half)

    def _split(self, plane: Tensor) -> tuple[Tensor, Tensor]:
        even, odd = plane[:, :, ::2], plane[:, :, 1::2]
        odd = odd + self._step(self.predict1, even)
        even = even + self._step(self.update1, odd)
        odd = odd + self._step(self.predict2, even)
        even = even + self._step(self.update2, odd)
        return (even, odd) if self.lossless else (even * _LOW_GAIN, odd * _HIGH_GAIN)

    def _merge(self, even: Tensor, odd: Tensor) -> Tensor:
        if not self.lossless:
            even, odd = even / _LOW_GAIN, odd / _HIGH_GAIN
        even = even - self._step(self.update2, odd)
        odd = odd - self._step(self.predict2, even)
        even = even - self._step(self.update1, odd)
        odd = odd - self._step(self.predict1, even)
        return torch.stack([even, odd], dim=3).flatten(2, 3)
