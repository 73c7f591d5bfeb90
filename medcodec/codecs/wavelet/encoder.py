"""Encoding a group: what is predicted from what, chosen by what it costs, in a closed loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medcodec._native import BlockContexts
from medcodec.codecs.wavelet.block_choice import BlockChoice
from medcodec.codecs.wavelet.block_motion import search_blocks
from medcodec.codecs.wavelet.coefficients import CoefficientEncoder, FrameLevels
from medcodec.codecs.wavelet.feedback import Feedback
from medcodec.codecs.wavelet.hierarchy import FrameStep, frame_steps, layer_count
from medcodec.codecs.wavelet.model import POSTFILTER, WaveletModel
from medcodec.codecs.wavelet.motion import Motion, MotionMode, blend
from medcodec.codecs.wavelet.motion_search import estimate
from medcodec.codecs.wavelet.motion_stream import encode_motion
from medcodec.codecs.wavelet.postfilter import postfiltered
from medcodec.codecs.wavelet.quality import LAMBDA, STATES, STEP_UNIT, Quality
from medcodec.codecs.wavelet.stream import MAX_MOTION_BYTES, GroupHeader, LayerBytes, pack_choices
from medcodec.codecs.wavelet.subbands import Plane
from medcodec.codecs.wavelet.synthesis import Choices, Synthesis, distances
from medcodec.codecs.wavelet.transform import Transform


@dataclass(frozen=True)
class Effort:
    """How hard the encoder looks.

    Parameters
    ----------
    motion
        Effort of the motion search, 0 to 2; None looks for no motion.
    spacings
        Distances of the nodes of motion fields, in pixels.
    blocks
        Sides of the smallest blocks with motion of their own, in pixels.
    """

    motion: int | None = 1
    spacings: tuple[int, ...] = (8, 16, 32)
    blocks: tuple[int, ...] = (16,)


@dataclass(frozen=True)
class CodedGroup:
    """A group's bytes, and the pictures that decoders will make of it (int32, working units)."""

    data: bytes
    pictures: npt.NDArray[np.int32]


# What a bit of motion must save, in mean squared errors of the prediction without motion: the pixels that
# motion mends are those whose error is far above the mean.
_MOTION_PENALTY = 20.0
_LARGEST_PENALTY = 2.0**32
# The same for blocks, in squared steps, and how many pixels these may move.
_BLOCK_PENALTY, _REACH = 1.44, 8


class GroupEncoder:
    """Codes the frames of one group.

    Parameters
    ----------
    frames
        int32 of shape (sequences, frames, height, width), working units of 0 to ``top``.
    gop
        Distance of key frames, a power of two.
    quality
        Steps and the weight of the rate; None is reversible.
    model
        The networks; None for a plain wavelet coder.
    """

    def __init__(
        self,
        frames: npt.NDArray[np.int32],
        top: int,
        *,
        gop: int,
        quality: Quality | None,
        model: WaveletModel | None,
        effort: Effort,
    ) -> None:
        shape = frames.shape[2:]
        self._frames, self._effort, self._model = frames, effort, model
        self._steps = frame_steps(frames.shape[1], gop)
        layers = layer_count(self._steps)
        self._quality = quality or Quality((STEP_UNIT,) * layers, 0)
        states = 0 if quality is None else STATES
        self._header = GroupHeader(states, model is not None, gop, self._quality.steps[:layers])
        self._transform = Transform(shape, states)
        self._sequences = [Synthesis(shape, top, self._header.steps, model) for _ in range(len(frames))]
        self.coder = CoefficientEncoder(shape, model, states=states)
        self._contexts = BlockContexts()  # of the motion of frames so far
        # By how much each network that enhances has made the squared errors of frames smaller.
        self._helped = np.zeros(0 if model is None else len(model.enhancers))

    def encode(self) -> CodedGroup:
        """Return the coded group."""
        layers = []
        for layer in range(len(self._header.steps)):
            choices = {(at, step.frame): self._frame(at, step) for at, step in self._places(layer)}
            layers.append((choices, tuple(self.coder.flush())))
        frames = range(self._frames.shape[1])
        pictures = np.stack([np.stack([known.pictures[i] for i in frames]) for known in self._sequences])
        corrected = self._postfilter(pictures)
        parts, contexts = [self._header.pack()], BlockContexts()
        for choices, segments in layers:
            told = [replace(choice, postfiltered=place in corrected) for place, choice in choices.items()]
            parts.append(LayerBytes(pack_choices(told, contexts), segments).pack())
        return CodedGroup(b"".join(parts), pictures)

    def _postfilter(self, pictures: npt.NDArray[np.int32]) -> set[tuple[int, int]]:
        """Correct pictures by those beside them where that helps; return their sequences and frames."""
        network = None if self._model is None else self._model.networks.get(POSTFILTER)
        if network is None or self._header.reversible or len(self._steps) == 1:
            return set()
        places = [(sequence, step) for sequence in range(len(pictures)) for step in self._steps]
        filtered = postfiltered(pictures, places, self._header.steps, self._sequences[0].top, network)
        helped = set()
        for place in np.ndindex(pictures.shape[:2]):
            target = self._frames[place]
            if squared_error(filtered[place], target) < squared_error(pictures[place], target):
                pictures[place] = filtered[place]
                helped.add((place[0], place[1]))
        return helped

    def _places(self, layer: int) -> Iterator[tuple[int, FrameStep]]:
        for sequence in range(len(self._sequences)):
            yield from ((sequence, step) for step in self._steps if step.layer == layer)

    def _frame(self, sequence: int, step: FrameStep) -> Choices:
        target = self._frames[sequence, step.frame]
        synthesis = self._sequences[sequence]
        unit = self._header.steps[step.layer]
        best = self._best(synthesis, step, target)
        choices, prediction = best.choices, best.prediction
        if choices.motion is not None:
            encode_motion(choices.motion, self._contexts)
        frame = self._coded(sequence, step, best)
        coded = self._transform.inverse(frame, unit, best.expected)
        picture = synthesis.finish(step, choices, prediction, coded)
        if self._model is None or self._header.reversible:
            return choices
        before = squared_error(picture, target)
        error, used = before, 0
        for number in self._enhancers(step):
            enhanced = synthesis.enhance(step, picture, prediction, number)
            changed = squared_error(enhanced, target)
            self._helped[number - 1] += before - changed
            if changed < error:
                error, used = changed, number
                synthesis.pictures[step.frame] = enhanced
        return replace(choices, enhanced=used)

    def _coded(self, sequence: int, step: FrameStep, best: BlockChoice) -> FrameLevels:
        if self._header.reversible:
            return self.coder.code(sequence, step, best.scaled, 0)
        feedback = Feedback(self._transform, self._header.steps[step.layer], best.scaled)
        weight = self._quality.rate_weight
        return self.coder.code(sequence, step, feedback.scaled, weight, after=feedback.after)

    def _enhancers(self, step: FrameStep) -> list[int]:
        """Return which networks are tried: all on key frames, after these the one that has helped most."""
        if step.layer == 0:
            return list(range(1, len(self._helped) + 1))
        return [int(np.argmax(self._helped)) + 1]

    def _best(self, synthesis: Synthesis, step: FrameStep, target: Plane) -> BlockChoice:
        """Return the prediction that is likely to cost least."""
        unit = self._header.steps[step.layer]
        wanted = self._transform.forward(target - synthesis.middle)

        def candidate(choices: Choices, motion_bytes: int) -> BlockChoice:
            prediction = synthesis.predict(step, choices)
            expected = self._transform.forward(prediction - synthesis.middle) if step.references else None
            return BlockChoice(
                self._transform,
                unit,
                wanted=wanted,
                choices=choices,
                motion_bytes=motion_bytes,
                prediction=prediction,
                expected=expected,
            )

        if not step.references:
            return candidate(Choices(), 0)
        motions = [self._motion(synthesis, step, target, spacings=())]
        if self._effort.motion is not None:
            motions.append(self._motion(synthesis, step, target, spacings=self._effort.spacings))
            motions += [
                self._block_motion(synthesis, step, target, smallest) for smallest in self._effort.blocks
            ]
        still, *moving = [(motion, self._motion_bytes(motion)) for motion in motions]
        ways = [still, *(way for way in moving if 1 < way[1] <= MAX_MOTION_BYTES)]
        best = min((candidate(Choices(motion), size) for motion, size in ways), key=_likely)
        if self._model is not None and not self._header.reversible and best.choices.uses_both:
            best = min(best, candidate(replace(best.choices, fused=True), best.motion_bytes), key=_likely)
        return best

    def _motion_bytes(self, motion: Motion) -> int:
        """Return the size of a motion, were it the next."""
        return len(encode_motion(motion, self._contexts.copy()))

    def _motion(
        self, synthesis: Synthesis, step: FrameStep, target: Plane, *, spacings: Sequence[int]
    ) -> Motion:
        known = synthesis.pictures
        previous = None if step.previous is None else known[step.previous]
        following = None if step.following is None else known[step.following]
        still = squared_error(target, blend(previous, following)) / target.size
        penalty = max(_MOTION_PENALTY * still, LAMBDA * (self._header.steps[step.layer] / STEP_UNIT) ** 2)
        return estimate(
            target,
            previous,
            following,
            penalty=min(penalty, _LARGEST_PENALTY),
            spacings=spacings,
            distances=distances(step),
            effort=self._effort.motion or 0,
        ).motion

    def _block_motion(self, synthesis: Synthesis, step: FrameStep, target: Plane, unit: int) -> Motion:
        known = synthesis.pictures
        following = None if step.following is None else known[step.following]
        penalty = min(_BLOCK_PENALTY * (self._header.steps[step.layer] / STEP_UNIT) ** 2, _LARGEST_PENALTY)
        blocks = search_blocks(
            target, known[step.references[0]], following, penalty=penalty, unit=unit, reach=_REACH
        )
        return Motion(MotionMode.BLOCKS_PREVIOUS if following is None else MotionMode.BLOCKS, blocks=blocks)


def _likely(candidate: BlockChoice) -> int:
    return candidate.likely_bits


def squared_error(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> float:
    """Return the sum of squared differences."""
    # Not by BLAS, whose threads wait for one another on a busy machine.
    difference = (a - b).astype(np.float64).ravel()
    return float(np.einsum("i,i", difference, difference))
