"""Samples in memory, a bounded number at a time, and batches of crops drawn from them by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from medcodec.codecs.wavelet.quality import STEP_UNIT
from medcodec.codecs.wavelet.subbands import block_sums
from medcodec.errors import OptionError
from medcodec.training.wavelet_samples import CORNER, EDGE, KINDS, OUTSIDE, Recording, Sample, read_recording

Random = np.random.Generator
_Item = TypeVar("_Item", np.int8, np.int16)
# What a coefficient of an empty subband counts for, beside those of busy ones.
_QUIET = 0.03
_MEGABYTE = 1 << 20
_CELL = 16  # blocks along each side of the cells that crops of pictures are drawn by
# Mean squared errors below this part of a squared step are not worth more effort.
_ERROR_FLOOR = 0.005
# Features that change their sign with the levels: of the parent, steps before, siblings and other parents.
_SIGNED = (17, *range(22, 36))


@dataclass(frozen=True)
class Batch:
    """Crops of samples.

    Parameters
    ----------
    features
        int8 of shape (crops, features, height, width).
    targets
        int16 of shape (crops, 4, height, width); `OUTSIDE` where there is nothing.
    steps
        int32 of shape (crops,).
    weights
        float32 of shape (crops,): what errors of a crop weigh, so that in the mean they make up the share of
        their pictures' errors that is left; or what bits do, less in a busy subband, 1 in the mean.
    """

    features: npt.NDArray[np.int8]
    targets: npt.NDArray[np.int16]
    steps: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


class _Places:
    """Where crops of a picture are taken: half of them anywhere, half where there is more to correct."""

    def __init__(self, sample: Sample) -> None:
        inside = sample.targets != OUTSIDE
        errors = np.where(inside, sample.targets * np.float32(STEP_UNIT / sample.step), 0) ** 2
        mean_error = float(errors.sum() / inside.sum())
        self._height, self._width = sample.targets.shape[1:]
        area, error = (
            block_sums(plane.sum(0, dtype=np.float64), size=_CELL, dtype=np.float64)
            for plane in (inside, errors)
        )
        self._columns = area.shape[1]
        area /= area.sum()
        shares = (area + error / max(error.sum(), 1e-9)).ravel() / 2
        self._sums = np.cumsum(shares)
        self._weights = area.ravel() / shares / (mean_error + _ERROR_FLOOR)

    def draw(self, size: int, random: Random) -> tuple[int, int, float]:
        """Return the first row and column of a crop, and what its errors weigh."""
        cell = min(int(np.searchsorted(self._sums, random.random())), len(self._sums) - 1)
        middle = np.array(divmod(cell, self._columns)) * _CELL + random.integers(_CELL, size=2)
        largest = np.maximum([self._height - size, self._width - size], 0)
        y, x = np.clip(middle - size // 2, 0, largest).tolist()
        return y, x, float(self._weights[cell])


class SamplePool:
    """Samples of files, as many as a budget of memory holds; others take their place round by round.

    Parameters
    ----------
    paths
        Files of samples.
    budget_megabytes
        Of memory; at least one file is held.
    seed
        Of the order of files.
    """

    def __init__(self, paths: Sequence[Path], *, budget_megabytes: int, seed: Sequence[int]) -> None:
        self._paths = tuple(paths)
        self._budget = budget_megabytes * _MEGABYTE
        self._seed = tuple(seed)
        self._round: int | None = None
        self._whole = False
        self._samples: dict[str, list[Sample]] = {}
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._weights: dict[str, npt.NDArray[np.float64]] = {}
        self._places: dict[tuple[str, int], _Places] = {}  # of pictures that crops were taken from

    def turn_to(self, number: int) -> None:
        """Hold the files of a round; nothing is read again where all files fit."""
        if number == self._round or self._whole:
            return
        self._round = number
        order = np.random.default_rng([*self._seed, number]).permutation(len(self._paths)).tolist()
        held: dict[int, Recording] = {}
        left = self._budget
        for index in order:
            recording = read_recording(self._paths[index])
            left -= recording.nbytes
            if left < 0 and held:
                break
            held[index] = recording
        self._whole = len(held) == len(self._paths)
        # In the order of files: where all fit, rounds do not differ, so that runs can be resumed in any.
        recordings = [held[index] for index in sorted(held)]
        self._samples = {kind: [one for each in recordings for one in each.samples[kind]] for kind in KINDS}
        for kind, samples in self._samples.items():
            busy = np.array([_busyness(one) if kind in (EDGE, CORNER) else 1.0 for one in samples])
            shares = np.array([one.targets[0].size for one in samples]) * np.sqrt(busy)
            self._sums[kind] = np.cumsum(shares)
            self._weights[kind] = shares.sum() / max((shares / busy).sum(), 1e-9) / busy
        self._places = {}

    def has(self, kind: str) -> bool:
        """Tell whether there are samples of a kind."""
        return bool(self._samples[kind])

    def batch(self, kind: str, crops: int, size: int, random: Random) -> Batch:
        """Return random crops; those of subbands are negated at random, those of pictures are mirrored.

        Crops of pictures are drawn from where errors are more often, and weigh less there. So do those of
        busy subbands, which would else decide all: rates matter by their ratios.

        Parameters
        ----------
        size
            Height and width of a crop, in blocks of 2 x 2.

        Raises
        ------
        OptionError
            If there are no samples of the kind.
        """
        samples, sums = self._samples[kind], self._sums[kind]
        if not samples:
            msg = f"no samples for {kind} came out of these scans: they have too few frames or too little "
            msg += "detail; give more scans, or leave it out of the networks of the stage"
            raise OptionError(msg)
        chosen = np.minimum(np.searchsorted(sums, random.random(crops) * sums[-1]), len(samples) - 1)
        channels = samples[0].features.shape[0]
        features = np.zeros((crops, channels, size, size), np.int8)
        targets = np.full((crops, 4, size, size), OUTSIDE, np.int16)
        weights = self._weights[kind][chosen].astype(np.float32)
        change = _negated if kind in (EDGE, CORNER) else _mirrored
        for number, index in enumerate(chosen):
            source = samples[index]
            _, height, width = source.features.shape
            if kind in (EDGE, CORNER):
                y, x = (int(random.integers(max(1, length - size + 1))) for length in (height, width))
            else:
                places = self._places.get((kind, index)) or _Places(source)
                self._places[kind, index] = places
                y, x, weights[number] = places.draw(size, random)
            window = (slice(None), slice(y, y + size), slice(x, x + size))
            crop, wanted = change(source.features[window], source.targets[window], random)
            rows, columns = crop.shape[1:]
            features[number, :, :rows, :columns] = crop
            targets[number, :, :rows, :columns] = wanted
        steps = np.array([samples[index].step for index in chosen], np.int32)
        return Batch(features, targets, steps, weights)


def _busyness(sample: Sample) -> float:
    """Return about what a coefficient of a subband costs, beside one of a busy subband."""
    levels = sample.targets[sample.targets != OUTSIDE]
    return _QUIET + min(1.0, float(np.minimum(np.abs(levels), 3).mean()))


Crop = tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]


def _negated(features: npt.NDArray[np.int8], targets: npt.NDArray[np.int16], random: Random) -> Crop:
    if random.random() < 0.5:
        return features, targets
    features = features.copy()
    features[_SIGNED, :, :] *= -1
    return features, np.where(targets == OUTSIDE, targets, -targets).astype(np.int16)


def _mirrored(features: npt.NDArray[np.int8], targets: npt.NDArray[np.int16], random: Random) -> Crop:
    """Mirror pixels, not blocks: phases of a block change places."""
    down, right, turn = (random.random(3) < 0.5).tolist()

    def change(blocks: npt.NDArray[_Item]) -> npt.NDArray[_Item]:
        channels, height, width = blocks.shape
        phases = blocks.reshape(channels // 4, 2, 2, height, width)
        if down:
            phases = phases[:, ::-1, :, ::-1]
        if right:
            phases = phases[:, :, ::-1, :, ::-1]
        if turn:
            phases = phases.transpose(0, 2, 1, 4, 3)
        return phases.reshape(channels, *phases.shape[3:])

    return change(features), change(targets)
