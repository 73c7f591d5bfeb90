"""Some frames of a group, as they are or smaller, by decoding only what they need.

Frames at full size are those of the whole group, before they are corrected by those next to them if not all
are asked for. Smaller pictures are low bands: lifting ends earlier. They are predicted from smaller pictures
with shorter vectors, and never refined by networks; so they come close to what lifting would make of the
whole pictures, and are references of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import PARTS, FrameLevels
from medcodec.codecs.wavelet.decoder import Symbols, parse_symbols, picture_of, synthesise
from medcodec.codecs.wavelet.hierarchy import FrameStep, frame_steps
from medcodec.codecs.wavelet.model import WaveletModel
from medcodec.codecs.wavelet.motion import Motion, blend, compensate
from medcodec.codecs.wavelet.motion_field import SPACINGS, MotionField, grid_shape
from medcodec.codecs.wavelet.stream import parse
from medcodec.codecs.wavelet.subbands import Plane, level_count, reduced
from medcodec.codecs.wavelet.synthesis import Choices, Synthesis, distances
from medcodec.codecs.wavelet.transform import Transform
from medcodec.errors import FormatError

# What the low band of one level makes of a constant, along each axis (9/7 without its scaling).
_LOW_GAIN = 1.230174104914001
_FRACTION_BITS = 16


def decode_frames(
    data: bytes,
    shape: tuple[int, int, int, int],
    top: int,
    model: WaveletModel | None,
    *,
    halvings: int,
    frames: Sequence[int],
) -> np.ndarray:
    """Return chosen frames of a group, int32 of shape (sequences, frames, height, width), working units.

    Parameters
    ----------
    data, shape, top, model
        As for `parse_symbols` and `synthesise`.
    halvings
        How often height and width are halved, rounded up.
    frames
        Numbers of the frames, rising.

    Raises
    ------
    FormatError, IntegrityError
        If the group is malformed or damaged as far as it is read, or lacks the temporal layers.
    """
    header, _ = parse(data)
    needed = closure(frame_steps(shape[1], header.gop), frames)
    # The low bands of pictures that are lifted over fewer levels lie in the finest part.
    skip = min(halvings, level_count(*shape[2:]))
    parts = 1 if skip and level_count(*shape[2:]) > 1 else PARTS
    layers = max((step.layer for step in needed.values()), default=0) + 1
    symbols = parse_symbols(data, shape, model, parts=parts, layers=layers)
    if sum(step.frame in needed for (_, step), *_ in symbols.frames) != shape[0] * len(needed):
        msg = "a group of the wavelet codec lacks the temporal layers of these frames"
        raise FormatError(msg)
    if not skip and len(frames) == shape[1]:
        return smaller(synthesise(symbols, shape, top, model), halvings, top)
    pictures = _pictures(symbols, shape, top, model, skip=skip, needed=needed)
    out = np.empty((shape[0], len(frames), reduced(shape[2], skip), reduced(shape[3], skip)), np.int32)
    for sequence, place in np.ndindex(out.shape[:2]):
        out[sequence, place] = pictures[sequence, frames[place]]
    return smaller(out, halvings - skip, top)


def closure(steps: Sequence[FrameStep], frames: Sequence[int]) -> dict[int, FrameStep]:
    """Return the steps of frames and of all that they are predicted from, by frame, in coding order."""
    wanted = set(frames)
    for step in reversed(steps):
        if step.frame in wanted:
            wanted.update(step.references)
    return {step.frame: step for step in steps if step.frame in wanted}


def _pictures(
    symbols: Symbols,
    shape: tuple[int, int, int, int],
    top: int,
    model: WaveletModel | None,
    *,
    skip: int,
    needed: dict[int, FrameStep],
) -> dict[tuple[int, int], Plane]:
    transform = Transform(shape[2:], symbols.header.states)
    steps = symbols.header.steps
    whole = [Synthesis(shape[2:], top, steps, model) for _ in range(shape[0])]
    small = [SmallSynthesis(transform, top, steps, skip) for _ in range(shape[0])]
    pictures = {}
    for (sequence, step), choices, levels in symbols.frames:
        if step.frame not in needed:
            continue
        if skip:
            picture = small[sequence].add(step, choices, levels)
        else:
            picture = picture_of(whole[sequence], transform, step, choices, levels)
        pictures[sequence, step.frame] = picture
    return pictures


@dataclass
class SmallSynthesis:
    """Pictures of one sequence at a reduced size, as far as they are known.

    Parameters
    ----------
    transform
        Of the whole pictures.
    top, steps
        As for `Synthesis`.
    skip
        How many levels of lifting are left out, at least one.
    """

    transform: Transform
    top: int
    steps: tuple[int, ...]
    skip: int
    pictures: dict[int, Plane] = field(default_factory=dict)

    def add(self, step: FrameStep, choices: Choices, levels: FrameLevels) -> Plane:
        """Return a frame's picture and keep it."""
        middle = (self.top + 1) // 2
        expected = self._expected(step, choices, middle) if step.references else None
        coded = self.transform.inverse(levels, self.steps[step.layer], expected, skip=self.skip)
        picture = np.clip(_rescaled(coded, 1 / self._gain) + middle, 0, self.top).astype(np.int32)
        self.pictures[step.frame] = picture
        return picture

    @property
    def _gain(self) -> float:
        return 1.0 if self.transform.reversible else _LOW_GAIN ** (2 * self.skip)

    def _expected(self, step: FrameStep, choices: Choices, middle: int) -> Plane:
        """Return the coefficients of the prediction in a plane of the size of the whole picture."""
        plane = np.zeros(self.transform.shape, np.int32)
        if choices.motion is None:
            return plane
        previous = None if step.previous is None else self.pictures[step.previous]
        following = None if step.following is None else self.pictures[step.following]
        motion = shorter(choices.motion, self.skip, tuple(reduced(size, self.skip) for size in plane.shape))
        prediction = blend(*compensate(previous, following, motion, distances=distances(step)))
        low = _rescaled(np.clip(prediction, 0, self.top) - middle, self._gain)
        _native.lift_forward(
            low, levels=self.transform.levels - self.skip, reversible=self.transform.reversible
        )
        plane[: low.shape[0], : low.shape[1]] = low
        return plane


def shorter(motion: Motion, skip: int, shape: tuple[int, ...]) -> Motion:
    """Return a motion for pictures of a reduced ``shape``."""
    blocks = None if motion.blocks is None else motion.blocks.shorter(skip)
    return Motion(motion.mode, tuple(_shorter(field, skip, shape) for field in motion.fields), blocks)


def _shorter(field: MotionField, skip: int, shape: tuple[int, ...]) -> MotionField:
    spacing = max(SPACINGS[0], field.spacing >> skip)
    stride = (spacing << skip) // field.spacing
    nodes = [
        np.minimum(np.arange(count) * stride, have - 1)
        for count, have in zip(
            grid_shape((shape[0], shape[1]), spacing), field.vectors.shape[:2], strict=True
        )
    ]
    vectors = field.vectors[np.ix_(*nodes)].astype(np.int32)
    return MotionField(spacing, ((vectors + (1 << skip >> 1)) >> skip).astype(np.int16))


def smaller(pictures: npt.NDArray[np.int32], halvings: int, top: int) -> npt.NDArray[np.int32]:
    """Return whole pictures, shape (sequences, frames, height, width), halved so often along each side."""
    size = (reduced(pictures.shape[2], halvings), reduced(pictures.shape[3], halvings))
    out = np.empty((*pictures.shape[:2], *size), np.int32)
    for index in np.ndindex(pictures.shape[:2]):
        out[index] = halved(pictures[index], halvings, top)
    return out


def halved(picture: Plane, halvings: int, top: int) -> Plane:
    """Return the low band of a picture of 0 to ``top`` after some levels of 9/7, with values as large."""
    for _ in range(halvings):
        gain = _LOW_GAIN ** sum(size > 1 for size in picture.shape)
        plane = picture.copy()
        _native.lift_forward(plane, levels=1, reversible=False)
        low = plane[: reduced(plane.shape[0], 1), : reduced(plane.shape[1], 1)]
        picture = np.clip(_rescaled(low, 1 / gain), 0, top)
    return picture


def _rescaled(values: Plane, factor: float) -> Plane:
    fixed = round(factor * (1 << _FRACTION_BITS))
    half = 1 << (_FRACTION_BITS - 1)
    return np.ascontiguousarray((values.astype(np.int64) * fixed + half) >> _FRACTION_BITS, np.int32)
