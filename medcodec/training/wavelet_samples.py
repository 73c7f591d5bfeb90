"""What each network of the wavelet codec is trained on, recorded from real streams.

Sequences are encoded; what decoders then see is replayed with their own code: the symbols are walked through
as they will be, and pictures are made as they will be. So no feature is computed in a second way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.coefficients import CoefficientEncoder
from medcodec.codecs.wavelet.decoder import Symbols, parse_symbols
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.hierarchy import FrameStep, frame_steps, layer_count
from medcodec.codecs.wavelet.intensity import Intensity
from medcodec.codecs.wavelet.model import ENHANCE, FUSE, POSTFILTER, WaveletModel
from medcodec.codecs.wavelet.motion import blend
from medcodec.codecs.wavelet.postfilter import features_of
from medcodec.codecs.wavelet.quality import SCALED, quality_of
from medcodec.codecs.wavelet.subbands import Plane, Subband
from medcodec.codecs.wavelet.synthesis import Synthesis, enhance_features, fuse_features
from medcodec.codecs.wavelet.transform import Transform
from medcodec.container.atomic import write_atomically
from medcodec.training.config import DataSettings, SampleSettings
from medcodec.training.data import Random, TrainingSequence, read_sequences
from medcodec.volume import ScanSource

EDGE, CORNER = "context-edge", "context-corner"
KINDS = (EDGE, CORNER, FUSE, ENHANCE, POSTFILTER)
# A level, or a difference, that is not there: beyond the border of a subband or picture of odd size.
OUTSIDE = -32768
_LARGEST = 32767
_LAST_STEP = 3
# How much the weight of the rate varies around what the codec uses.
_RATE_WEIGHTS = (0.6, 1.25)


@dataclass(frozen=True)
class Sample:
    """A subband or picture as a network sees it, in blocks of 2 x 2.

    Parameters
    ----------
    features
        int8 of shape (features, height, width): for context networks those before the last step.
    targets
        int16 of shape (4, height, width): levels in the order of the steps, or what is to be added to a
        picture in working units; `OUTSIDE` where there is nothing.
    step
        Of a picture, in 1/16 of a working unit; 0 for subbands.
    place
        Sequence, frame, orientation and level; -1 for what has none.
    """

    features: npt.NDArray[np.int8]
    targets: npt.NDArray[np.int16]
    step: int
    place: tuple[int, int, int, int]


@dataclass
class Recording:
    """The samples of a sequence, by kind of network."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        every = (sample for samples in self.samples.values() for sample in samples)
        return sum(sample.features.nbytes + sample.targets.nbytes for sample in every)


class _LevelRecorder(CoefficientEncoder):
    """Codes given levels once more, without a network, and records what networks would see."""

    def __init__(self, shape: tuple[int, int], recording: Recording) -> None:
        # As if reversible: levels are coded as they are given.
        super().__init__(shape, None, states=0)
        self._recording = recording
        self._place = (0, 0)
        self._features: list[tuple[Subband, npt.NDArray[np.int8], Plane]] = []

    def record(self, sequence: int, step: FrameStep, frame: Any) -> None:
        """Take in the next frame."""
        self._features.clear()
        self.code(
            sequence,
            step,
            lambda band: (frame.levels[band.key] * SCALED, frame.predicted.get(band.key)),
            rate_weight=0,
        )
        for band, features, coded in self._features:
            kind = CORNER if band.orientation == 3 else EDGE
            place = (sequence, step.frame, band.orientation, band.level)
            targets = _in_steps(np.clip(coded, -_LARGEST, _LARGEST), _native.SUBBAND_PHASES)
            self._recording.samples[kind].append(Sample(features, targets, 0, place))

    def _logits(self, coder: Any, band: Subband, coded: Plane, number: int) -> None:
        if number != _LAST_STEP or band.orientation == 0:
            return
        height, width = coded.shape
        features = np.empty((_native.SUBBAND_FEATURES[-1], (height + 1) // 2, (width + 1) // 2), np.int16)
        coder.features(number, features)
        self._features.append((band, features.astype(np.int8), coded))


def _in_steps(
    plane: npt.NDArray[Any], phases: Sequence[tuple[int, int]] = ((0, 0), (0, 1), (1, 0), (1, 1))
) -> npt.NDArray[np.int16]:
    """Return a plane's 2 x 2 blocks as four channels, by row and column in a block."""
    height, width = plane.shape
    whole = np.full((height + height % 2, width + width % 2), OUTSIDE, np.int16)
    whole[:height, :width] = plane
    return np.stack([whole[row::2, column::2] for row, column in phases])


def record(
    frames: npt.NDArray[np.int32], top: int, symbols: Symbols, model: WaveletModel | None
) -> Recording:
    """Return what networks see when a group is decoded.

    Parameters
    ----------
    frames
        What was encoded: int32 of shape (sequences, frames, height, width), working units of 0 to ``top``.
    symbols
        Of the coded group.
    model
        What it was coded with.
    """
    recording = Recording()
    levels = _LevelRecorder((frames.shape[2], frames.shape[3]), recording)
    for (sequence, step), _, frame in symbols.frames:
        levels.record(sequence, step, frame)
    if not symbols.header.reversible:
        _record_pictures(frames, top, symbols, model, recording)
    return recording


def _record_pictures(
    frames: npt.NDArray[np.int32],
    top: int,
    symbols: Symbols,
    model: WaveletModel | None,
    recording: Recording,
) -> None:
    shape, steps = (frames.shape[2], frames.shape[3]), symbols.header.steps
    transform = Transform(shape, symbols.header.states)
    sequences = [Synthesis(shape, top, steps, model) for _ in range(len(frames))]
    for (sequence, step), choices, levels in symbols.frames:
        synthesis, target, unit = sequences[sequence], frames[sequence, step.frame], steps[step.layer]
        place = (sequence, step.frame, -1, -1)
        if choices.motion is not None:
            first, second = synthesis.references(step, choices.motion)
            if first is not None and second is not None:
                features = fuse_features(first, second, unit)
                mean = np.clip(blend(first, second), 0, top)
                recording.samples[FUSE].append(_picture_sample(features, target - mean, unit, place))
        prediction = synthesis.predict(step, choices)
        expected = transform.forward(prediction - synthesis.middle) if step.references else None
        coded = transform.inverse(levels, unit, expected)
        picture = np.clip(coded + synthesis.middle, 0, top).astype(np.int32)
        features = enhance_features(picture, prediction, unit, _native.ENHANCE_FEATURES[-1])
        recording.samples[ENHANCE].append(_picture_sample(features, target - picture, unit, place))
        synthesis.finish(step, choices, prediction, coded)
    pictures = [[each.pictures[i] for i in sorted(each.pictures)] for each in sequences]
    for (sequence, step), *_ in symbols.frames:
        known, target, unit = pictures[sequence], frames[sequence, step.frame], steps[step.layer]
        place = (sequence, step.frame, -1, -1)
        features = features_of(known, step.frame, unit)
        missing = target - known[step.frame]
        recording.samples[POSTFILTER].append(_picture_sample(features, missing, unit, place))


def _picture_sample(
    features: npt.NDArray[np.int16], missing: Plane, unit: int, place: tuple[int, int, int, int]
) -> Sample:
    targets = _in_steps(np.clip(missing, -_LARGEST, _LARGEST))
    return Sample(features.astype(np.int8), targets, unit, place)


def group_encoder(
    frames: npt.NDArray[np.int32],
    intensity: Intensity,
    settings: SampleSettings,
    model: WaveletModel | None,
    *,
    gop: int,
    index: float,
    varied: float = 1.0,
) -> GroupEncoder:
    """Return the encoder of a group at a quality index, reversible where the intensity is exact.

    Parameters
    ----------
    frames
        int32 of shape (sequences, frames, height, width), working units of the intensity.
    varied
        The weight of the rate, as a part of what the codec uses.
    """
    layers = layer_count(frame_steps(frames.shape[1], gop))
    quality = quality_of(index, intensity.top, layers, value=1 << intensity.fraction_bits)
    quality = replace(quality, rate_weight=round(quality.rate_weight * varied))
    chosen = None if intensity.exact else quality
    effort = Effort(motion=settings.motion_effort)
    return GroupEncoder(frames, intensity.top, gop=gop, quality=chosen, model=model, effort=effort)


def record_randomly(
    sequence: TrainingSequence, settings: SampleSettings, model: WaveletModel | None, random: Random
) -> Recording:
    """Return samples of a sequence coded as a group, of random quality and distance of key frames."""
    gop = int(random.choice(settings.gops))
    index = float(random.uniform(settings.quality[0], settings.quality[1]))
    varied = float(random.uniform(*_RATE_WEIGHTS))
    intensity = sequence.intensity(exact=bool(random.random() < settings.reversible))
    frames, top = intensity.forward(sequence.frames), intensity.top
    encoder = group_encoder(frames, intensity, settings, model, gop=gop, index=index, varied=varied)
    shape = (frames.shape[0], frames.shape[1], frames.shape[2], frames.shape[3])
    return record(frames, top, parse_symbols(encoder.encode().data, shape, model), model)


def write_recording(path: Path, recording: Recording) -> None:
    """Write samples as one compressed npz file."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for kind, samples in recording.samples.items():
        arrays[f"{kind}/shapes"] = np.array([sample.features.shape for sample in samples], np.int32).reshape(
            -1, 3
        )
        arrays[f"{kind}/steps"] = np.array([sample.step for sample in samples], np.int32)
        arrays[f"{kind}/places"] = np.array([sample.place for sample in samples], np.int32).reshape(-1, 4)
        for name in ("features", "targets"):
            flat = [getattr(sample, name).ravel() for sample in samples]
            dtype = np.int8 if name == "features" else np.int16
            arrays[f"{kind}/{name}"] = np.concatenate(flat) if flat else np.zeros(0, dtype)
    with write_atomically(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_recording(path: Path) -> Recording:
    """Read what `write_recording` wrote."""
    recording = Recording()
    with np.load(path) as arrays:
        for kind, samples in recording.samples.items():
            features, targets = arrays[f"{kind}/features"], arrays[f"{kind}/targets"]
            steps, places = arrays[f"{kind}/steps"], arrays[f"{kind}/places"]
            at = of_targets = 0
            for number, (channels, height, width) in enumerate(arrays[f"{kind}/shapes"].tolist()):
                size = height * width
                shaped = features[at : at + channels * size].reshape(channels, height, width)
                wanted = targets[of_targets : of_targets + 4 * size].reshape(4, height, width)
                a, b, c, d = places[number].tolist()
                samples.append(Sample(shaped, wanted, int(steps[number]), (a, b, c, d)))
                at, of_targets = at + channels * size, of_targets + 4 * size
    return recording


@dataclass(frozen=True)
class SampleMaker:
    """Makes the samples of scans, a file per scan, in a folder of their own; files that exist are kept.

    Parameters
    ----------
    folder
        Where samples of any settings are kept.
    seed
        Of what is drawn at random.
    model
        That sequences are coded with.
    """

    folder: Path
    data: DataSettings
    samples: SampleSettings
    seed: tuple[int, ...]
    model: WaveletModel | None

    @property
    def place(self) -> Path:
        """The folder of these settings."""
        settings = {
            "data": asdict(self.data),
            "samples": asdict(self.samples),
            "seed": self.seed,
            "model": None if self.model is None else self.model.sha256,
        }
        return self.folder / hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def path_of(self, scan: ScanSource) -> Path:
        """Return the file of a scan."""
        return self.place / (_scan_key(scan) + ".npz")

    def make(
        self, scans: Sequence[ScanSource], *, rank: int = 0, ranks: int = 1
    ) -> Iterator[tuple[ScanSource, Path]]:
        """Make what is not there, of every ``ranks``-th scan, and yield scans and files as they are done."""
        self.place.mkdir(parents=True, exist_ok=True)
        for number, scan in enumerate(scans):
            if number % ranks != rank:
                continue
            path = self.path_of(scan)
            if not path.exists():
                write_recording(path, self._recorded(scan))
            yield scan, path

    def _recorded(self, scan: ScanSource) -> Recording:
        entropy = [*self.seed, int(_scan_key(scan), 16)]
        random = np.random.default_rng([*entropy, 1])
        recording = Recording()
        for sequence in read_sequences(scan, self.data, entropy):
            recorded = record_randomly(sequence, self.samples, self.model, random)
            for kind, samples in recorded.samples.items():
                recording.samples[kind] += samples
        return recording


def _scan_key(scan: ScanSource) -> str:
    """Return a name for a scan's file of samples, from its own name."""
    return hashlib.sha256(f"{scan.name}\0{scan.paths[0].name}".encode()).hexdigest()[:16]
