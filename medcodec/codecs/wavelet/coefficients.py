"""Coding quantised coefficients: the four-step context model over subbands (paper, section 2.2).

Nothing here looks at pictures: all symbols of a group parse without synthesis. Two coders share the work, one
for the finest level and one for all others, so that a smaller picture can be had without parsing the finest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.hierarchy import FrameStep
from medcodec.codecs.wavelet.model import CODERS, STEPS, WaveletModel
from medcodec.codecs.wavelet.subbands import HIGH, LOW, ROWS, Plane, Subband, block_shape, subbands
from medcodec.errors import IntegrityError

Key = tuple[int, int]
Blocks = npt.NDArray[np.uint8]


@dataclass
class FrameLevels:
    """The symbols of a frame's subbands.

    Parameters
    ----------
    levels
        Quantised coefficients.
    predicted
        Which blocks of 8 x 8 of them are differences to the prediction; nothing for a frame without one.
    """

    levels: dict[Key, Plane] = field(default_factory=dict)
    predicted: dict[Key, Blocks] = field(default_factory=dict)


FINE = 1
PARTS = CODERS


@dataclass
class Known:
    """The coefficients of all frames coded so far, which the next ones are expected to resemble."""

    frames: dict[tuple[int, int], dict[Key, Plane]] = field(default_factory=dict)
    _last: dict[tuple[int, int], dict[Key, Plane]] = field(default_factory=dict)

    def add(self, sequence: int, step: FrameStep, levels: dict[Key, Plane]) -> None:
        """Take in a frame."""
        self.frames[sequence, step.frame] = levels
        self._last[sequence, step.layer] = levels

    def near(self, sequence: int, step: FrameStep, key: Key) -> tuple[Plane | None, Plane | None]:
        """Return the same subband of the layer's last frame (or the last sequence), and of the references."""
        last = self._last.get((sequence, step.layer)) or self.frames.get((sequence - 1, step.frame))
        planes = [self.frames[sequence, frame].get(key) for frame in step.references]
        references = [plane for plane in planes if plane is not None]
        mean = references[0] if references else None
        if len(references) > 1:
            mean = (np.abs(references[0]) + np.abs(references[1]) + 1) // 2
        first = last.get(key) if last else None
        return (mean if first is None else first), mean


class _Walk:
    """Takes coders through the subbands of frames, with the same surroundings on both sides."""

    def __init__(
        self, coders: list[Any], shape: tuple[int, int], model: WaveletModel | None, states: int
    ) -> None:
        self.coders = coders
        for coder, start in zip(coders, () if model is None else model.starts, strict=False):
            start.put_into(coder)
        self._states = states
        self.known = Known()
        self._bands = subbands(*shape)
        self._model = model

    def bands(self, part: int) -> list[Subband]:
        """Return the subbands of a part, coarse to fine."""
        return [band for band in self._bands if (band.level == 0) == (part == FINE)]

    def _surroundings(
        self, sequence: int, step: FrameStep, band: Subband, frame: FrameLevels
    ) -> dict[str, Any]:
        """Return what the coder is told of a subband."""
        near_a, near_b = self.known.near(sequence, step, band.key)
        levels, parent = frame.levels, (band.orientation, band.level + 1)
        others = [(other, band.level + 1) for other in HIGH if other != band.orientation]
        planes = {
            "parent": levels.get(parent),
            "sibling_a": levels.get((1, band.level)) if band.orientation in (2, 3) else None,
            "sibling_b": levels.get((2, band.level)) if band.orientation == 3 else None,
            "near_a": near_a,
            "near_b": near_b,
            "other_parent_a": levels.get(others[0]),
            "other_parent_b": levels.get(others[1]),
            "predicted": frame.predicted.get(band.key),
            "predicted_parent": frame.predicted.get(parent),
        }
        turned = {name: None if plane is None else _turned(plane, band) for name, plane in planes.items()}
        place = {"orientation": band.orientation, "level": band.level, "layer": step.layer}
        return {**place, "states": self._states if band.dependent else 0, **turned}

    def _logits(self, coder: Any, band: Subband, coded: Plane, number: int) -> Any:
        """Return the network's logits for a step of a subband, or None."""
        if self._model is None or band.orientation == LOW:
            return None
        network = self._model.context(band.orientation, number)
        height, width = coded.shape
        features = np.empty((network.inputs, (height + 1) // 2, (width + 1) // 2), np.int16)
        coder.features(number, features)
        return network.run(features)


def _turned(plane: npt.NDArray[Any], band: Subband) -> npt.NDArray[Any]:
    """Transpose planes of subbands that are high across rows: networks know only the other kind."""
    return np.ascontiguousarray(plane.T if band.orientation == ROWS else plane)


class CoefficientEncoder(_Walk):
    """Codes frames of one shape; levels are chosen by what they cost, where the trellis has ``states``."""

    def __init__(self, shape: tuple[int, int], model: WaveletModel | None, *, states: int) -> None:
        coders = [_native.SubbandEncoder(trained=model is not None) for _ in range(PARTS)]
        super().__init__(coders, shape, model, states)

    def code(
        self,
        sequence: int,
        step: FrameStep,
        scaled: Callable[[Subband], tuple[Plane, Blocks | None]],
        rate_weight: int,
        *,
        after: Callable[[Subband, int, Plane, Plane], None] | None = None,
    ) -> FrameLevels:
        """Code a frame and return its symbols.

        Parameters
        ----------
        scaled
            Gives a subband's coefficients in 1/64 of their step, and which blocks are predicted.
        rate_weight
            What a bit weighs, in squared 1/64 steps; 0 rounds to the nearest level.
        after
            Changes the coefficients, the last argument, when a step has decided its levels; None: they stay.
        """
        frame = FrameLevels()
        for part, coder in enumerate(self.coders):
            for band in self.bands(part):
                values, predicted = scaled(band)
                if predicted is not None:
                    frame.predicted[band.key] = predicted
                source = _turned(values, band)
                coded = np.empty_like(source)
                if coder.begin(coded, source, **self._surroundings(sequence, step, band, frame)):
                    weight = 0 if band.orientation == LOW else rate_weight
                    for number in range(STEPS):
                        coder.step(number, self._logits(coder, band, coded, number), lambda_=weight)
                        if after is not None:
                            after(band, number, _turned(coded, band), values)
                            source[...] = _turned(values, band)
                frame.levels[band.key] = _turned(coded, band)
        self.known.add(sequence, step, frame.levels)
        return frame

    def flush(self) -> list[bytes]:
        """Return the segments of all parts since the last call."""
        return [coder.flush() for coder in self.coders]


class CoefficientDecoder(_Walk):
    """Decodes frames of one shape; ``parts`` leaves out the finest level where it is 1."""

    def __init__(
        self, shape: tuple[int, int], model: WaveletModel | None, *, states: int, parts: int = PARTS
    ) -> None:
        coders = [_native.SubbandDecoder(trained=model is not None) for _ in range(parts)]
        super().__init__(coders, shape, model, states)

    def feed(self, segments: Sequence[bytes]) -> None:
        """Take the next segments, one for each part."""
        for coder, segment in zip(self.coders, segments, strict=True):
            coder.feed(segment)

    def decode(self, sequence: int, step: FrameStep) -> FrameLevels:
        """Return the symbols of the next frame."""
        frame = FrameLevels()
        for part, coder in enumerate(self.coders):
            for band in self.bands(part):
                if step.references:
                    frame.predicted[band.key] = np.zeros(block_shape(band.shape), np.uint8)
                height, width = band.shape
                coded = np.zeros((width, height) if band.orientation == ROWS else (height, width), np.int32)
                around = self._surroundings(sequence, step, band, frame)
                if coder.begin(coded, **around):
                    for number in range(STEPS):
                        coder.step(number, self._logits(coder, band, coded, number))
                if around["predicted"] is not None:
                    frame.predicted[band.key] = _turned(around["predicted"], band)
                frame.levels[band.key] = _turned(coded, band)
        self.known.add(sequence, step, frame.levels)
        return frame

    def check(self) -> None:
        """Raise `IntegrityError` if the segments were not read to their ends."""
        if not all(coder.plausible() for coder in self.coders):
            msg = "the coefficients do not end where the group does: the data is damaged"
            raise IntegrityError(msg)
