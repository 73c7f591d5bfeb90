"""From symbols to pictures: prediction over time, the residual, and the networks that refine both.

The encoder runs the same code, so that frames are predicted from what decoders will have (closed loop).
Pictures are int32 of shape (height, width), working units of 0 to ``top``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.hierarchy import FrameStep
from medcodec.codecs.wavelet.model import FUSE, WaveletModel
from medcodec.codecs.wavelet.motion import Motion, blend, compensate
from medcodec.codecs.wavelet.subbands import Plane, reduced
from medcodec.entropy.network import IntegerNetwork


@dataclass(frozen=True)
class Choices:
    """What the encoder decided for a frame.

    Parameters
    ----------
    motion
        How it is predicted from its references; None: from nothing, a picture of one value.
    fused
        Whether a network joins the two references, not their mean.
    enhanced
        Number of the network that corrects the reconstruction, from 1; 0 for none.
    postfiltered
        Whether it is corrected by the frames beside it at the end, see `medcodec.codecs.wavelet.postfilter`.
    """

    motion: Motion | None = None
    fused: bool = False
    enhanced: int = 0
    postfiltered: bool = False

    @property
    def uses_both(self) -> bool:
        """Whether there are two references."""
        return self.motion is not None and self.motion.uses_previous and self.motion.uses_next


@dataclass
class Synthesis:
    """Pictures of one sequence, as far as they are known.

    Parameters
    ----------
    shape
        Height and width.
    top
        Greatest working value.
    steps
        Of each temporal layer, see `medcodec.codecs.wavelet.quality`.
    model
        The networks, or None.
    """

    shape: tuple[int, int]
    top: int
    steps: tuple[int, ...]
    model: WaveletModel | None
    pictures: dict[int, Plane] = field(default_factory=dict)

    @property
    def middle(self) -> int:
        """The value that is coded as zero."""
        return (self.top + 1) // 2

    def references(self, step: FrameStep, motion: Motion) -> tuple[Plane | None, Plane | None]:
        """Return the references of a frame, moved to where its samples are."""
        previous = None if step.previous is None else self.pictures[step.previous]
        following = None if step.following is None else self.pictures[step.following]
        return compensate(previous, following, motion, distances=distances(step))

    def predict(self, step: FrameStep, choices: Choices) -> Plane:
        """Return the prediction of a frame (the filter P of the paper, Fig. 2b)."""
        if choices.motion is None:
            return np.full(self.shape, self.middle, np.int32)
        first, second = self.references(step, choices.motion)
        mean = np.clip(blend(first, second), 0, self.top)
        if not choices.fused or first is None or second is None:
            return mean
        return self.fuse(step, first, second, mean)

    def fuse(self, step: FrameStep, first: Plane, second: Plane, mean: Plane) -> Plane:
        """Return the mean of two predictions, corrected by the network."""
        network, unit = self._network(FUSE), self.steps[step.layer]
        features = fuse_features(first, second, unit)
        return corrected(mean, features, network, step=unit, top=self.top)

    @property
    def enhancers(self) -> tuple[str, ...]:
        """Names of the networks that correct reconstructions."""
        return () if self.model is None else self.model.enhancers

    def enhance(self, step: FrameStep, picture: Plane, prediction: Plane, number: int = 1) -> Plane:
        """Return a reconstruction, corrected by a network."""
        network, unit = self._network(self.enhancers[number - 1]), self.steps[step.layer]
        features = enhance_features(picture, prediction, unit, network.inputs)
        return corrected(picture, features, network, step=unit, top=self.top)

    def _network(self, name: str) -> IntegerNetwork:
        if self.model is None:
            msg = f"the {name} network is used, but there is no model"
            raise ValueError(msg)
        return self.model.networks[name]

    def finish(self, step: FrameStep, choices: Choices, prediction: Plane, coded: Plane) -> Plane:
        """Make a picture of what was coded, which is around the middle of the range, and keep it."""
        picture = np.clip(coded + self.middle, 0, self.top).astype(np.int32)
        if choices.enhanced:
            picture = self.enhance(step, picture, prediction, choices.enhanced)
        self.pictures[step.frame] = picture
        return picture


def distances(step: FrameStep) -> tuple[int, int]:
    """Return how far a frame's references are; 1 for one that is not there."""
    before = 1 if step.previous is None else step.frame - step.previous
    after = 1 if step.following is None else step.following - step.frame
    return before, after


def fuse_features(first: Plane, second: Plane, step: int) -> npt.NDArray[np.int16]:
    """Return what the network sees that joins two predictions, for a step in 1/16 of a working unit."""
    out = channels(_native.FUSE_FEATURES, first)
    _native.fuse_features(first, second, out, step=step)
    return out


def enhance_features(picture: Plane, prediction: Plane, step: int, count: int) -> npt.NDArray[np.int16]:
    """Return what a network sees that corrects a reconstruction: the first ``count`` channels."""
    out = channels(count, picture)
    _native.enhance_features(picture, prediction, out, step=step)
    return out


def channels(count: int, picture: Plane) -> npt.NDArray[np.int16]:
    """Return room for channels of half a picture's height and width, rounded up."""
    height, width = (reduced(size, 1) for size in picture.shape)
    return np.empty((count, height, width), np.int16)


def corrected(
    base: Plane, features: npt.NDArray[np.int16], network: IntegerNetwork, *, step: int, top: int
) -> Plane:
    """Return a picture with what a network makes of its features added, within 0 to ``top``."""
    out = np.empty_like(base)
    _native.add_correction(base, network.run(features), out, step=step, top=top)
    return out
