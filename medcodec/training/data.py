"""Scans of any format as sequences of frames to train on: drawn, cropped and varied at random, by a seed."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.wavelet.background import filled
from medcodec.codecs.wavelet.intensity import Intensity
from medcodec.codecs.wavelet.motion_field import MotionField, grid_shape, warp
from medcodec.errors import FormatError, MedcodecError, OptionError
from medcodec.training.config import DataSettings
from medcodec.volume import ScanSource, Volume, find_scans
from medcodec.volume.frames import frame_axes, frame_layout

Random = np.random.Generator
Frames = npt.NDArray[np.int32]

_SMALLEST_SIDE = 16
_SMALLEST_SPAN = 8
_MOTION_SPACING = 32
_BYTE = 255


@dataclass(frozen=True)
class TrainingSequence:
    """Frames to be coded as a group.

    Parameters
    ----------
    name
        Of the scan, and the number of the draw.
    frames
        int32 of shape (sequences, frames, height, width), whole numbers of 0 to ``top``.
    top
        Of the scan's range of values.
    """

    name: str
    frames: Frames
    top: int

    def intensity(self, *, exact: bool) -> Intensity:
        """Return how the codec would turn these numbers into working units."""
        return Intensity(0.0, float(self.top), whole=True, exact=exact)


@dataclass(frozen=True)
class TrainingScans:
    """The scans that were found, in two parts."""

    training: tuple[ScanSource, ...]
    validation: tuple[ScanSource, ...]


def training_scans(paths: Iterable[Path], settings: DataSettings) -> TrainingScans:
    """Return the scans in files and folders.

    Parameters
    ----------
    paths
        Files and folders of any format that medcodec reads, or ``.txt`` files with one of those per line.

    Raises
    ------
    MedcodecError
        If a path does not exist or holds no scan, or none is left to train on.
    """
    scans = [scan for path in _listed(paths) for scan in find_scans(path)]
    kept = [scan for scan in scans if matches(scan, settings.include) and not matches(scan, settings.exclude)]
    validation = tuple(scan for scan in kept if matches(scan, settings.validation))
    training = tuple(scan for scan in kept if not matches(scan, settings.validation))
    if not training:
        msg = f"of {len(scans)} scans none is left to train on: "
        msg += "look at data.include, data.exclude and data.validation"
        raise OptionError(msg)
    return TrainingScans(training, validation)


def matches(scan: ScanSource, patterns: Sequence[str]) -> bool:
    """Tell whether a scan's name, or that of its first file, matches one of some patterns."""
    names = (scan.name, scan.paths[0].name)
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


def scan_sha256(scan: ScanSource) -> str:
    """Return the SHA-256 of a scan's files, one after another, in hexadecimal."""
    digest = hashlib.sha256()
    for path in scan.paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _listed(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.suffix != ".txt":
            if not path.exists():
                msg = f"{path}: is not there; name a folder of scans, a scan, or a .txt file that lists some"
                raise OptionError(msg)
            yield path
            continue
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path}: cannot be read as a list of scans ({error})"
            raise FormatError(msg) from error
        yield from (path.parent / line.strip() for line in lines if line.strip())


def draw_sequences(
    volume: Volume, name: str, settings: DataSettings, random: Random
) -> Iterator[TrainingSequence]:
    """Yield sequences drawn from a scan and varied at random.

    Integers that span at most 16 bits stay what they are, above the least of the scan; others, and floats,
    are mapped to 16 bits as the codec does it, with zeros where they are not finite. A solid background is
    filled in as the codec does it.

    Raises
    ------
    MedcodecError
        If the volume cannot be laid out as frames.
    """
    if volume.voxels.size == 0:
        return
    layouts = [frame_layout(volume.voxels, axis) for axis in frame_axes(volume.voxels.shape)]
    intensity = _intensity(_finite(layouts[0].to_frames(volume.voxels)))
    wide = [layout for layout in layouts if min(layout.frame_shape[2:]) >= _SMALLEST_SIDE]
    for number in range(settings.draws if wide else 0):
        # The usual axis half of the time; of a volume over time, the others are frames over slices.
        layout = wide[0] if random.random() < 0.5 else wide[int(random.integers(len(wide)))]
        drawn = _drawn(layout.to_frames(volume.voxels), settings, random)
        frames = intensity.forward(_finite(drawn))
        if np.ptp(frames) >= _SMALLEST_SPAN:
            frames = vary(frames, intensity.top, settings, random)
            frames, top = _coarser(frames, intensity.top, settings, random)
            mask = solid_background(frames)
            frames = frames if mask is None else filled(frames, mask)
            yield TrainingSequence(f"{name}#{number}", np.ascontiguousarray(frames), top)


def _finite(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.nan_to_num(frames, posinf=0, neginf=0) if frames.dtype.kind == "f" else frames


def _intensity(frames: npt.NDArray[Any]) -> Intensity:
    return Intensity(float(frames.min()), float(frames.max()), whole=frames.dtype.kind != "f", exact=True)


def read_sequences(scan: ScanSource, settings: DataSettings, seed: Sequence[int]) -> list[TrainingSequence]:
    """Return the sequences of a scan for a seed; none for one that cannot be read as numbers."""
    try:
        volume = scan.read()
    except MedcodecError as error:
        msg = f"{scan.paths[0]}: cannot be trained on ({error}); leave it out with data.exclude"
        raise FormatError(msg) from error
    return list(draw_sequences(volume, scan.name, settings, np.random.default_rng(seed)))


def _drawn(frames: npt.NDArray[Any], settings: DataSettings, random: Random) -> npt.NDArray[Any]:
    """Return one or two sequences, a range of frames, a crop."""
    most = (int(random.integers(1, 3)), settings.frames, settings.crop, settings.crop)
    return frames[tuple(_range(size, limit, random) for size, limit in zip(frames.shape, most, strict=True))]


def _range(size: int, most: int, random: Random) -> slice:
    length = min(size, most)
    start = int(random.integers(size - length + 1))
    return slice(start, start + length)


def vary(frames: Frames, top: int, settings: DataSettings, random: Random) -> Frames:
    """Return frames mirrored, of other intensities, with noise or in motion, each with its probability."""
    for axis in (1, 2, 3):
        if random.random() < settings.flip:
            frames = np.flip(frames, axis)
    if random.random() < settings.flip:
        frames = frames.swapaxes(2, 3)
    if random.random() < settings.motion:
        frames = np.clip(_moved(frames, random), 0, top)
    if random.random() < settings.intensity:
        frames = _scaled(frames, top, random)
    if random.random() < settings.noise:
        frames = _noisy(frames, top, random)
    return frames


def _coarser(frames: Frames, top: int, settings: DataSettings, random: Random) -> tuple[Frames, int]:
    """Return frames and their range of values, with its probability in 8 bits."""
    if random.random() >= settings.eight_bits or top <= _BYTE:
        return frames, top
    return ((frames.astype(np.int64) * _BYTE + top // 2) // top).astype(np.int32), _BYTE


def _scaled(frames: Frames, top: int, random: Random) -> Frames:
    """Return darker or brighter frames, along a curve."""
    gamma = float(np.exp(random.uniform(-0.4, 0.4)))
    gain = float(random.uniform(0.5, 1.2))
    values = np.round(top * gain * (frames / top) ** gamma)
    return np.clip(values, 0, top).astype(np.int32)


def _noisy(frames: Frames, top: int, random: Random) -> Frames:
    deviation = top * float(np.exp(random.uniform(np.log(1e-3), np.log(3e-2))))
    noise = random.normal(0, deviation, frames.shape)
    return np.clip(np.round(frames + noise), 0, top).astype(np.int32)


def _moved(frames: Frames, random: Random) -> Frames:
    """Return frames that drift and bend, smoothly over space and time."""
    count, shape = frames.shape[1], frames.shape[2:]
    grid = grid_shape((shape[0], shape[1]), _MOTION_SPACING)
    speed = random.normal(0, 4, 2) + random.normal(0, 4, (*grid, 2))
    phase = random.uniform(0, 2 * np.pi)
    out = np.empty(frames.shape, np.int32)
    for number in range(count):
        along = np.sin(phase + 2 * np.pi * number / 16) * 4
        field = MotionField(_MOTION_SPACING, np.clip(np.round(speed * along), -256, 256).astype(np.int16))
        for sequence in range(len(frames)):
            out[sequence, number] = warp(frames[sequence, number], field)
    return out
