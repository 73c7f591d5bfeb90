"""Decoding a group: first all its symbols, then its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medcodec._native import BlockContexts
from medcodec.codecs.wavelet.coefficients import PARTS, CoefficientDecoder, FrameLevels
from medcodec.codecs.wavelet.hierarchy import FrameStep, frame_steps, layer_count
from medcodec.codecs.wavelet.model import POSTFILTER, WaveletModel
from medcodec.codecs.wavelet.postfilter import postfiltered
from medcodec.codecs.wavelet.stream import GroupHeader, parse, parse_choices
from medcodec.codecs.wavelet.subbands import Plane
from medcodec.codecs.wavelet.synthesis import Choices, Synthesis
from medcodec.codecs.wavelet.transform import Transform
from medcodec.errors import FormatError, ModelMissingError

Place = tuple[int, FrameStep]  # a sequence and a frame of it


@dataclass(frozen=True)
class Symbols:
    """All that a group says, in coding order: for each frame of each sequence its choices and its levels."""

    header: GroupHeader
    frames: list[tuple[Place, Choices, FrameLevels]]


def parse_symbols(
    data: bytes,
    shape: tuple[int, int, int, int],
    model: WaveletModel | None,
    *,
    parts: int = PARTS,
    layers: int | None = None,
) -> Symbols:
    """Return a group's symbols; no picture is made.

    Parameters
    ----------
    data
        The group.
    shape
        Sequences, frames, height and width.
    model
        The networks that it may name.
    parts
        1 leaves out the finest level.
    layers
        How many temporal layers to parse; None for all that there are.

    Raises
    ------
    FormatError, IntegrityError
        If the data is malformed or damaged.
    ModelMissingError
        If networks were used, but no model is given.
    """
    header, coded = parse(data)
    if header.trained and model is None:
        msg = "the group was coded with networks, but its codec names no model"
        raise ModelMissingError(msg)
    steps = frame_steps(shape[1], header.gop)
    layer_total = layer_count(steps)
    if len(header.steps) != layer_total:
        msg = f"the group has {len(header.steps)} temporal layers; {shape[1]} frames have {layer_total}"
        raise FormatError(msg)
    networks = model if header.trained else None
    decoder = CoefficientDecoder(shape[2:], networks, states=header.states, parts=parts)
    contexts = BlockContexts()
    frames: list[tuple[Place, Choices, FrameLevels]] = []
    for number, layer in enumerate(coded[:layers]):
        places = [(sequence, step) for sequence in range(shape[0]) for step in steps if step.layer == number]
        decoder.feed(layer.segments[:parts])
        choices = parse_choices(layer.choices, len(places), shape[2:], contexts)
        frames += [
            (place, choice, decoder.decode(*place)) for place, choice in zip(places, choices, strict=True)
        ]
        decoder.check()
    for (_, step), choice, _ in frames:
        _check(step, choice, networks)
    return Symbols(header, frames)


def _check(step: FrameStep, choices: Choices, model: WaveletModel | None) -> None:
    motion = choices.motion
    if motion is not None and (
        (motion.uses_previous and step.previous is None) or (motion.uses_next and step.following is None)
    ):
        msg = f"frame {step.frame} is predicted from a frame that it does not have"
        raise FormatError(msg)
    if model is None:
        if choices.fused or choices.enhanced or choices.postfiltered:
            msg = f"frame {step.frame} uses a network, but its group none"
            raise FormatError(msg)
        return
    enhancers = len(model.enhancers)
    if choices.enhanced > enhancers:
        msg = f"frame {step.frame} uses network {choices.enhanced} to enhance it; its model has {enhancers}"
        raise FormatError(msg)
    if choices.postfiltered and POSTFILTER not in model.networks:
        msg = f"frame {step.frame} is corrected by those beside it; its model has no network for that"
        raise FormatError(msg)


def synthesise(
    symbols: Symbols, shape: tuple[int, int, int, int], top: int, model: WaveletModel | None
) -> np.ndarray:
    """Return the pictures, int32 of ``shape``, working units of 0 to ``top``.

    Frames left out are zero, and the others then not corrected by those next to them.
    """
    transform = Transform(shape[2:], symbols.header.states)
    sequences = [Synthesis(shape[2:], top, symbols.header.steps, model) for _ in range(shape[0])]
    out = np.zeros(shape, np.int32)
    for (sequence, step), choices, levels in symbols.frames:
        out[sequence, step.frame] = picture_of(sequences[sequence], transform, step, choices, levels)
    places = [place for place, choices, _ in symbols.frames if choices.postfiltered]
    if places and model is not None and len(symbols.frames) == shape[0] * shape[1]:
        out = postfiltered(out, places, symbols.header.steps, top, model.networks[POSTFILTER])
    return out


def picture_of(
    synthesis: Synthesis, transform: Transform, step: FrameStep, choices: Choices, levels: FrameLevels
) -> Plane:
    """Return the picture of a frame whose references are known; it becomes known too."""
    prediction = synthesis.predict(step, choices)
    expected = transform.forward(prediction - synthesis.middle) if step.references else None
    coded = transform.inverse(levels, synthesis.steps[step.layer], expected)
    return synthesis.finish(step, choices, prediction, coded)
