"""Training what the coders of coefficients begin with: they code many sequences, and go on learning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.wavelet.coder_start import COUNTERS, LARGEST_WEIGHT, WEIGHTS, CoderStart
from medcodec.codecs.wavelet.encoder import GroupEncoder
from medcodec.codecs.wavelet.model import CODERS, WaveletModel
from medcodec.training.config import DataSettings, SampleSettings
from medcodec.training.data import Random, TrainingSequence, read_sequences
from medcodec.training.wavelet_samples import group_encoder
from medcodec.volume import ScanSource

# Counters begin as if met that often: the less, the sooner they follow the scan at hand.
_COUNT = 8
_COUNT_BITS = 10  # of a counter's state, below its probability of 22 bits
_PROBABILITY_UNIT = 1 << 6  # of 22 bits, for one of 16


@dataclass
class _Mean:
    """The mean of what a coder had learnt at several times."""

    probabilities: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(COUNTERS))
    counts: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(COUNTERS, np.uint32))
    weights: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(WEIGHTS))
    times: int = 0

    def add(self, coder: Any) -> None:
        states, weights = coder.learnt()
        counters = np.frombuffer(states, np.uint32)
        self.probabilities += counters >> _COUNT_BITS
        self.counts = (counters & ((1 << _COUNT_BITS) - 1)).astype(np.uint32)
        self.weights += np.frombuffer(weights, np.int32)
        self.times += 1

    def start(self) -> CoderStart:
        probabilities = np.round(self.probabilities / self.times / _PROBABILITY_UNIT).clip(1, 65535)
        weights = np.round(self.weights / self.times).clip(-LARGEST_WEIGHT, LARGEST_WEIGHT)
        return CoderStart(
            probabilities.astype(np.uint16),
            np.minimum(self.counts, _COUNT).astype(np.uint8),
            weights.astype(np.int32),
        )


def trained_starts(
    scans: Sequence[ScanSource],
    data: DataSettings,
    samples: SampleSettings,
    model: WaveletModel,
    seed: Sequence[int],
) -> tuple[CoderStart, ...]:
    """Return what coders have learnt from scans, in the mean over the second half of the sequences.

    Parameters
    ----------
    data, samples
        How sequences are drawn, and at which qualities and distances of key frames they are coded.
    model
        The networks; where its own coders begin, if it says so, these begin too.
    """
    random = np.random.default_rng([*seed, 2])
    sequences = list(_sequences(scans, data, seed))
    order = random.permutation(len(sequences)).tolist()
    coders: list[Any] = []
    means = [_Mean() for _ in range(CODERS)]
    for number, index in enumerate(order):
        encoder = _encoder(sequences[index], samples, model, random)
        encoder.coder.coders = coders or encoder.coder.coders
        encoder.encode()
        coders = encoder.coder.coders
        if number >= len(order) // 2:
            for mean, coder in zip(means, coders, strict=True):
                mean.add(coder)
    return tuple(mean.start() for mean in means if mean.times)


def _sequences(
    scans: Sequence[ScanSource], data: DataSettings, seed: Sequence[int]
) -> Iterator[TrainingSequence]:
    for number, scan in enumerate(scans):
        yield from read_sequences(scan, data, [*seed, 1, number])


def _encoder(
    sequence: TrainingSequence, samples: SampleSettings, model: WaveletModel, random: Random
) -> GroupEncoder:
    index = float(random.uniform(samples.quality[0], samples.quality[1]))
    gop = int(random.choice(samples.gops))
    intensity = sequence.intensity(exact=False)
    frames = intensity.forward(sequence.frames)
    return group_encoder(frames, intensity, samples, model, gop=gop, index=index)
