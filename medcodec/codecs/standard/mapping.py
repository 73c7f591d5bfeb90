"""The map between voxels and the few bits that a standard codec takes; recorded, with its own loss counted.

Nothing is mapped that need not be: where the range of the values fits, the map is an offset and exact.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError, OptionError, UnsupportedDataError

OFFSET, SHIFT, LINEAR, GAIN = range(4)
_NAMES = ("offset", "shift", "linear", "gain")
_LOW = {"i": "<q", "u": "<Q", "f": "<d"}
_HEAD = struct.Struct("<BB8sd")
MAPPING_BYTES = _HEAD.size
_FORMS = "auto, shift, window:LOW:HIGH or percentile:P (0 < P < 50)"


@dataclass(frozen=True)
class Mapping:
    """How voxels become samples of ``bits`` bits.

    Parameters
    ----------
    kind
        `OFFSET`: sample = voxel - low. `SHIFT`: that, rounded to multiples of ``step`` (a power of two) and
        divided by it. `LINEAR`: the same for any step; values out of range are clipped to it. `GAIN`: the
        offset, multiplied by a power of two (``step`` is its inverse), to use all bits.
    low
        The voxel value of sample 0; whole for whole-number voxels.
    step
        Voxel units per sample.
    bits
        Samples are less than ``2**bits``.
    """

    kind: int
    low: float
    step: float
    bits: int

    @property
    def exact(self) -> bool:
        """Whether the map loses nothing of values in its range."""
        return self.kind in (OFFSET, GAIN)

    def describe(self) -> str:
        """Return the map in words."""
        return f"{_NAMES[self.kind]} to {self.bits} bits: from {self.low:g} in steps of {self.step:g}"

    def forward(self, voxels: AnyArray) -> AnyArray:
        """Return the samples, uint8 for at most 8 bits, else uint16; of the voxels' shape."""
        dtype = np.uint8 if self.bits <= 8 else np.uint16
        top = (1 << self.bits) - 1
        if self.kind == LINEAR or voxels.dtype.kind == "f":
            scaled = np.rint((voxels.astype(np.float64) - self.low) / self.step)
            return np.asarray(np.clip(scaled, 0, top).astype(dtype))
        # Modulo 2**64 the difference of two values of any integer dtype is exact.
        wide = voxels.astype(np.uint64) - np.uint64(int(self.low) % (1 << 64))
        below = voxels < voxels.dtype.type(int(self.low))
        if self.kind == GAIN:
            wide = np.minimum(wide, np.uint64(top)) * np.uint64(int(1 / self.step))
        else:
            step = np.uint64(int(self.step))
            wide = wide // step + (wide % step * np.uint64(2) // step)
        wide = np.where(below, np.uint64(0), wide)
        return np.asarray(np.minimum(wide, np.uint64(top)).astype(dtype))

    def backward(self, samples: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
        """Return voxels of ``dtype``; values beyond it are clipped."""
        if dtype.kind == "f":
            return np.asarray((samples.astype(np.float64) * self.step + self.low).astype(dtype))
        limits = np.iinfo(dtype)
        if self.kind == LINEAR:
            values = np.rint(samples.astype(np.float64) * self.step) + self.low
            values = np.clip(values, float(limits.min), np.nextafter(float(limits.max), 0.0))
            return np.asarray(values.astype(dtype))
        wide, step = samples.astype(np.uint64), max(1, int(self.step))
        if self.kind == GAIN:
            gain = np.uint64(int(1 / self.step))
            wide = (wide + gain // np.uint64(2)) // gain
        inside = np.minimum(wide, np.uint64((limits.max - int(self.low)) // step))
        return np.asarray((inside * np.uint64(step) + np.uint64(int(self.low) % (1 << 64))).astype(dtype))

    def pack(self, dtype: np.dtype[Any]) -> bytes:
        """Return the map as `MAPPING_BYTES` bytes."""
        low = self.low if dtype.kind == "f" else int(self.low)
        return _HEAD.pack(self.kind, self.bits, struct.pack(_LOW[dtype.kind], low), self.step)

    @classmethod
    def parse(cls, data: bytes, dtype: np.dtype[Any]) -> Mapping:
        """Parse what `pack` returned; raise `FormatError` if it makes no sense."""
        kind, bits, low_bytes, step = _HEAD.unpack(data)
        (low,) = struct.unpack(_LOW[dtype.kind], low_bytes)
        good = kind <= GAIN and 1 <= bits <= 16 and math.isfinite(low) and 0 < step < math.inf
        if good and kind != LINEAR:
            limits = np.iinfo(dtype) if dtype.kind in "iu" else None
            inverse = 1 / step if kind == GAIN else step
            whole = inverse == int(inverse) and inverse < 1 << (16 if kind == GAIN else 63)
            good = whole and (kind != OFFSET or step == 1) and limits is not None
            good = good and limits is not None and limits.min <= low <= limits.max
        if not good:
            msg = f"intensity mapping of kind {kind}, {bits} bits, low {low}, step {step} is not valid"
            raise FormatError(msg)
        return cls(kind, low, step, bits)


def limits_of(voxels: AnyArray) -> tuple[float, float]:
    """Return the least and the greatest value, as Python numbers.

    Raises
    ------
    UnsupportedDataError
        If there is a NaN or an infinity: codecs of pictures have none.
    """
    low, high = voxels.min().item(), voxels.max().item()
    if not (math.isfinite(low) and math.isfinite(high)):
        msg = "the voxels hold NaN or infinite values, which this codec has not; use codec 'adaptive'"
        raise UnsupportedDataError(msg)
    return low, high


def resolve(intensity: str, voxels: AnyArray) -> str:
    """Return ``intensity`` with the whole volume's values in the place of what depends on them.

    Parameters
    ----------
    intensity
        "auto", "shift", "window:LOW:HIGH" or "percentile:P" (the window between percentiles P and 100 - P).
    voxels
        Of the whole volume, so that all its groups are mapped alike.

    Raises
    ------
    OptionError
        If ``intensity`` is malformed.
    UnsupportedDataError
        If the voxels are not all finite.
    """
    name, _, rest = intensity.partition(":")
    low, high = limits_of(voxels)
    if name == "percentile":
        share = _number(rest, intensity)
        if not 0 < share < 50:
            msg = f"intensity {intensity!r}: the percentile must be between 0 and 50"
            raise OptionError(msg)
        low, high = (float(value) for value in np.percentile(voxels, [share, 100 - share]))
        if voxels.dtype.kind != "f":
            low, high = math.floor(low), math.ceil(high)
    elif name == "window":
        window(intensity)
        return intensity
    elif intensity not in ("auto", "shift"):
        msg = f"intensity {intensity!r} is not known: give {_FORMS}"
        raise OptionError(msg)
    return f"{'shift' if name == 'shift' else 'auto' if name == 'auto' else 'window'}:{low!r}:{high!r}"


def window(intensity: str) -> tuple[float, float]:
    """Return the two numbers in ``"window:LOW:HIGH"``."""
    parts = intensity.split(":")
    if len(parts) != 3:
        msg = f"intensity {intensity!r} is not known: give {_FORMS}"
        raise OptionError(msg)
    low, high = _number(parts[1], intensity), _number(parts[2], intensity)
    if not low <= high:
        msg = f"intensity {intensity!r}: {low:g} is above {high:g}"
        raise OptionError(msg)
    return low, high


def _number(text: str, intensity: str) -> float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = f"intensity {intensity!r}: {text!r} is not a number; give {_FORMS}"
        raise OptionError(msg)
    return value


def choose(voxels: AnyArray, intensity: str, depths: tuple[int, ...], *, exact: bool, codec: str) -> Mapping:
    """Return the map for voxels: the offset if their range fits, else what ``intensity`` says.

    Parameters
    ----------
    voxels
        Not empty.
    intensity
        As in `resolve`; before or after it.
    depths
        The numbers of bits that the codec takes, increasing.
    exact
        Only an exact map will do.
    codec
        Its name, for messages.

    Raises
    ------
    UnsupportedDataError
        If the voxels are not all finite, or there is no exact map and one is needed.
    """
    if intensity.count(":") != 2:
        intensity = resolve(intensity, voxels)
    kind = intensity.partition(":")[0]
    low, high = window(intensity)
    if exact:
        low, high = limits_of(voxels)
    whole = voxels.dtype.kind != "f"
    if whole and isinstance(low, int) and isinstance(high, int):
        limits = np.iinfo(voxels.dtype)
        low, high = (int(min(max(value, limits.min), limits.max)) for value in (low, high))
        span = high - low
        fitting = [bits for bits in depths if span < 1 << bits]
        if fitting:
            spare = fitting[0] - max(1, span.bit_length())
            return (
                Mapping(OFFSET, low, 1, fitting[0])
                if exact or not spare
                else Mapping(GAIN, low, 0.5**spare, fitting[0])
            )
        if not exact and kind != "window":
            shift = span.bit_length() - depths[-1]
            return Mapping(SHIFT, low, 1 << shift, depths[-1])
    if exact:
        what = f"a range of {high - low:g}" if whole else f"{voxels.dtype} voxels"
        msg = f"codec {codec!r} takes {depths[-1]} bits at most and cannot keep {what} exactly or within "
        msg += "a bound; use codec 'adaptive', or ask for a rate (--psnr, --bpv, --ratio, --quality)"
        raise UnsupportedDataError(msg)
    top = (1 << depths[-1]) - 1
    step = (float(high) - float(low)) / top
    return Mapping(LINEAR, low, step if step > 0 and math.isfinite(step) else 1.0, depths[-1])


@dataclass(frozen=True)
class MappingLoss:
    """What a map alone loses: greatest error and mean squared error, in voxel units."""

    max_error: float
    mean_squared_error: float

    def describe(self, voxels: AnyArray) -> str:
        """Return the loss in words, the PSNR to the range of ``voxels``."""
        low, high = limits_of(voxels)
        if self.mean_squared_error == 0 or high == low:
            return "nothing"
        psnr = 10 * math.log10((high - low) ** 2 / self.mean_squared_error)
        return f"up to {self.max_error:.6g} (PSNR {psnr:.2f} dB)"


def loss(mapping: Mapping, voxels: AnyArray) -> MappingLoss:
    """Return what is lost by mapping ``voxels`` forward and back, before any coding."""
    if voxels.size == 0:
        return MappingLoss(0.0, 0.0)
    back = mapping.backward(mapping.forward(voxels), voxels.dtype)
    error = np.abs(voxels.astype(np.float64) - back.astype(np.float64))
    return MappingLoss(float(error.max()), float(np.square(error).mean()))
