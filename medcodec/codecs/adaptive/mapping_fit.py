"""Finding the lattice on which float voxels lie; whatever is found is proven on every voxel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.adaptive.mapping_forms import BLOCK, MANTISSA_BITS, common_zeros
from medcodec.codecs.adaptive.mapping_lattice import (
    EXACT_SUM,
    QUOTIENT,
    Lattice,
)
from medcodec.codecs.base import AnyArray

Doubles = npt.NDArray[np.float64]

_SPAN = {8: 1 << 20, 4: 1 << 17}
_DYADIC_SPAN = 1 << 20
_SUBSAMPLE = 2048
_DIVISORS = 48
_FEW = 32
_EXCEPTION_SHARE = 256
_SPECIAL_SHARE = 4096
_MOST_SPECIALS = 64
_FAR, _DUST = 1e4, 2.0**-40
_SLACK = 8
_NO_WORDS, _NO_PLACES = np.zeros(0, np.uint64), np.zeros(0, np.int64)


def fit_lattice(voxels: AnyArray) -> Lattice | None:
    """Return the lattice of float ``voxels``, shape ``(sequences, frames, height, width)``, or None."""
    frames = voxels.reshape(-1, *voxels.shape[-2:])
    with np.errstate(all="ignore"):
        probe = max((_distinct(frames[n]) for n in _probes(len(frames))), key=len)
        lattice = _fit_values(probe)
        if lattice is None:
            return None
        return _prove(voxels, lattice) or _fit_group(voxels) or _fit_frames(voxels)


def _fit_group(voxels: AnyArray) -> Lattice | None:
    lattice = _fit_values(_distinct(voxels))
    return _prove(voxels, lattice) if lattice else None


def _fit_frames(voxels: AnyArray) -> Lattice | None:
    """Fit each frame by itself: PET and rescaled series have a slope per slice."""
    slopes, distinct_count = [], 0
    frames = voxels.reshape(-1, *voxels.shape[-2:])
    for frame in frames:
        distinct = _distinct(frame)
        lattice = _fit_values(distinct)
        if lattice is None or lattice.intercept != 0:
            return None
        distinct_count += len(distinct)
        slopes.append(1 / lattice.slopes if lattice.variant == QUOTIENT else lattice.slopes)
    if distinct_count < 16 * len(frames):
        return None
    return _prove(voxels, _lattice(EXACT_SUM, np.concatenate(slopes)))


def _probes(count: int) -> list[int]:
    return sorted({count * n // 10 for n in (1, 3, 5, 7, 9)})


def _lattice(variant: int, slopes: Doubles | float, intercept: float = 0.0) -> Lattice:
    steps = np.atleast_1d(np.asarray(slopes, np.float64))
    return Lattice(variant, steps, intercept, False, 0, _NO_WORDS, _NO_PLACES, _NO_WORDS)


def _distinct(voxels: AnyArray) -> AnyArray:
    """Return the sorted distinct finite values, without a sentinel far outside and without rounding dust."""
    # Sorting is quicker than what np.unique does with few repeats, and of blocks quicker still.
    flat = voxels.reshape(-1)
    parts = [_sorted_distinct(flat[start : start + BLOCK]) for start in range(0, flat.size, BLOCK)]
    values = _sorted_distinct(np.concatenate(parts)) if len(parts) > 1 else parts[0]
    for end, inner in ((0, 1), (-1, -2)):
        if len(values) > 3 and abs(float(values[end])) > _FAR * abs(float(values[inner])) > 0:
            values = np.delete(values, end)
    size = np.abs(values)
    clean: AnyArray = values[(values == 0) | (size > _DUST * size.max(initial=0))]
    return clean


def _sorted_distinct(voxels: AnyArray) -> AnyArray:
    ordered: AnyArray = voxels[np.isfinite(voxels)]
    ordered.sort()
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    distinct: AnyArray = ordered[first]
    return distinct


def _prove(voxels: AnyArray, lattice: Lattice) -> Lattice | None:
    """Return ``lattice`` with what it misses listed, or None if it misses too much or spans too far."""
    word = np.dtype(f"u{voxels.dtype.itemsize}")
    zero = word.type(1 << 8 * word.itemsize - 1)
    flat = voxels.reshape(-1)
    bits, missed, ends = flat.view(word), np.empty(flat.size, bool), set()
    found, checked = 0, flat.size // _EXCEPTION_SHARE
    for part, one in lattice.pieces(flat):
        indices, missed[part] = one.indices(flat[part])
        kept = indices[~missed[part]]
        ends |= {int(kept.min()), int(kept.max())} if kept.size else set()
        found += part.stop - part.start - kept.size
        if found > checked:
            if _hopeless(bits[: part.stop][missed[: part.stop]], flat.size):
                return None
            checked = 2 * found
    negative_zero = False
    if lattice.intercept == 0:
        negative = bits == zero
        negative &= missed
        negative_zero = _share(negative, _SPECIAL_SHARE)
        if negative_zero:
            missed ^= negative
            ends.add(0)
    patterns = bits[missed]
    specials, others = _specials(patterns, flat.size)
    if others * _EXCEPTION_SHARE > flat.size or len(patterns) == flat.size:
        return None
    low, high = min(ends), max(ends)
    digits = MANTISSA_BITS[word.itemsize] + 1 - common_zeros(flat, ~missed)
    if high - low >= _DYADIC_SPAN or not _resolved(max(abs(low), abs(high)), digits, lattice):
        return None
    listed = ~np.isin(patterns, specials)
    missed[missed] = listed
    return replace(
        lattice,
        negative_zero=negative_zero,
        special_base=max(high + 1, 0),
        specials=specials.astype(np.uint64),
        positions=np.flatnonzero(missed),
        patterns=patterns[listed].astype(np.uint64),
    )


def _resolved(greatest: int, digits: int, lattice: Lattice) -> bool:
    """Whether the dtype could tell (nearly) all lattice points apart: else the float format is what shows."""
    step = float(lattice.slopes[0])
    origin = lattice.intercept / step if lattice.variant == EXACT_SUM else lattice.intercept * step
    return greatest + abs(origin) <= float(_SLACK << digits)


def _share(mask: npt.NDArray[np.bool_], part: int) -> bool:
    return bool(np.count_nonzero(mask) * part > mask.size)


def _specials(patterns: AnyArray, voxels: int) -> tuple[AnyArray, int]:
    """Return the few patterns frequent enough for a level of their own, sorted, and the number of others."""
    found, number = np.unique(patterns, return_counts=True)
    frequent = np.flatnonzero(number * _SPECIAL_SHARE > voxels)[:_MOST_SPECIALS]
    return found[frequent], len(patterns) - int(number[frequent].sum())


def _hopeless(patterns: AnyArray, voxels: int) -> bool:
    """Whether those missed so far are too many, whatever specials (or negative zero) take away."""
    number = np.sort(np.unique(patterns, return_counts=True)[1])
    return int(number[: -_MOST_SPECIALS - 1].sum()) * _EXCEPTION_SHARE > voxels


def _fit_values(values: AnyArray) -> Lattice | None:
    """Return a lattice that gives each of the sorted distinct ``values`` exactly."""
    if len(values) == 0:
        return None
    if values[0] == values[-1]:
        return _lattice(EXACT_SUM, abs(float(values[0])) or 1.0)
    span = _SPAN.get(values.dtype.itemsize, 0)
    for lattice in _candidates(values, span):
        row = values.reshape(1, 1, 1, -1)
        indices, missed = lattice.indices(row)
        limit = _DYADIC_SPAN if lattice.variant == QUOTIENT else span
        # Only a zero has the value, but not the bits, of another.
        if np.count_nonzero(missed) > 1 or np.ptp(indices) >= limit:
            continue
        if np.array_equal(lattice.values(indices[missed], row.dtype), row[missed]):
            return lattice
    return None


def _candidates(values: AnyArray, span: int) -> Iterator[Lattice]:
    scale = _dyadic_scale(values)
    if scale is not None:
        yield _lattice(QUOTIENT, scale)
    if not span:
        return
    for scale in _decimal_scales(values):
        yield _lattice(QUOTIENT, scale)
    thinned = values[:: max(1, len(values) // _SUBSAMPLE)].astype(np.float64)
    half = np.spacing(np.abs(thinned).astype(values.dtype)).astype(np.float64) / 2
    step = _native.mapping_smallest_step(values)
    for low, high, _ in _slopes(np.abs(thinned), half, step):
        yield from _scaled(low, high)
    reference = int(np.argmin(np.abs(thinned)))
    offsets, wide = np.abs(thinned - thinned[reference]), half + half[reference]
    for low, high, indices in _slopes(offsets, wide, step):
        signed = np.where(thinned < thinned[reference], -indices, indices)
        yield from _shifted(thinned, half, signed, low, high)


def _decimal_scales(values: AnyArray) -> list[float]:
    """Return the powers of ten that may make all sorted values integers which span little."""
    scales = 10.0 ** np.arange(1, 8)
    some = values[:: max(1, len(values) // _FEW)]
    exact = some.astype(np.float64) * scales[:, None]
    missed = (np.rint(exact) / scales[:, None]).astype(values.dtype) != some
    # One value may miss: a zero of another sign.
    possible = (np.count_nonzero(missed, axis=1) <= 1) & (_spread(values) * scales < _DYADIC_SPAN)
    return [float(scale) for scale in scales[possible]]


def _spread(values: AnyArray) -> float:
    """Return the difference of the last and the first of sorted values."""
    return float(values[-1]) - float(values[0])


def _dyadic_scale(values: AnyArray) -> float | None:
    """Return the smallest power of two that makes all sorted values integers, if they then span little."""
    lowest = 2000
    # A few of them often tell enough.
    ends = [0, _FEW, *range(BLOCK, len(values) + BLOCK, BLOCK)]
    for start, end in pairwise(ends):
        exact = values[start:end].astype(np.float64)
        mantissa, exponent = np.frexp(exact[exact != 0])
        whole = np.abs(mantissa * 2.0**53).astype(np.int64)
        bits = np.frexp((whole & -whole).astype(np.float64))[1]
        lowest = min(lowest, int((bits + exponent).min(initial=2000)) - 54)
        # What is found later can only be smaller.
        if lowest <= -1000 or _spread(values) / 2.0 ** min(lowest, 1000) >= _DYADIC_SPAN:
            return None
    return float(2.0**-lowest) if lowest < 1000 else None


def _slopes(
    offsets: Doubles, half: Doubles, step: tuple[float, float]
) -> Iterator[tuple[float, float, Doubles]]:
    """Yield ranges of slopes for which all ``offsets`` are integers times the slope, within ``half``."""
    for divisor in range(1, _DIVISORS + 1) if step[0] > 0 else ():
        found = _refine(offsets, half, step[0] / divisor, step[1] / divisor)
        if found is not None:
            yield found


def _refine(offsets: Doubles, half: Doubles, low: float, high: float) -> tuple[float, float, Doubles] | None:
    """Narrow a range of slopes by those offsets whose integer is certain, until all are."""
    half = half * 1.01
    while low > 0:
        indices = np.rint(offsets / high)
        certain = (indices == np.rint(offsets / low)) & (indices > 0)
        if not certain.any():
            return None
        below = max(low, float(((offsets - half)[certain] / indices[certain]).max()))
        above = min(high, float(((offsets + half)[certain] / indices[certain]).min()))
        if below > above:
            return None
        if np.all(certain | (indices == 0)):
            return below, above, indices
        if (above - below) > 0.9 * (high - low):
            return None
        low, high = below, above
    return None


def _snapped(low: float, high: float) -> Iterator[float]:
    """Yield plausible numbers of a range: a float32, the shortest decimal, the middle and its neighbours."""
    middle = low / 2 + high / 2
    yield float(np.float32(middle))
    for digits in range(1, 17):
        decimal = float(f"{middle:.{digits}g}")
        if low <= decimal <= high:
            yield decimal
            break
    yield from (middle, low, high, float(np.nextafter(low, 0)), float(np.nextafter(high, np.inf)))


def _scaled(low: float, high: float) -> Iterator[Lattice]:
    for slope in _snapped(low, high):
        yield _lattice(EXACT_SUM, slope)
    yield _lattice(QUOTIENT, round(2 / (low + high)) or 1.0)
    yield _lattice(QUOTIENT, 2 / (low + high))


def _shifted(values: Doubles, half: Doubles, indices: Doubles, low: float, high: float) -> Iterator[Lattice]:
    """Yield lattices with an intercept: float32 numbers as file headers hold them, else the roomiest pair."""
    for slope in _snapped(low, high):
        raw = np.arange(-70000, 70000, dtype=np.float64)
        reference = int(np.flatnonzero(indices == 0)[0])
        intercepts = values[reference] - raw * slope
        snapped = intercepts.astype(np.float32).astype(np.float64)
        error = np.abs(snapped - intercepts)
        near = np.flatnonzero(error <= 4 * np.spacing(np.abs(values).max()))
        for found in near[np.argsort(np.abs(raw[near]), kind="stable")][:8]:
            yield _lattice(EXACT_SUM, slope, float(snapped[found]))
    slope, intercept = _roomiest(values, half, indices, low, high)
    yield _lattice(EXACT_SUM, slope, intercept)


def _roomiest(
    values: Doubles, half: Doubles, indices: Doubles, low: float, high: float
) -> tuple[float, float]:
    """Return the slope whose range of possible intercepts is widest (concave in it), and its middle."""

    def room(slope: float) -> tuple[float, float]:
        rest = values - indices * slope
        below, above = float((rest - half).max()), float((rest + half).min())
        return above - below, below / 2 + above / 2

    for _ in range(80):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        if room(first)[0] < room(second)[0]:
            low = first
        else:
            high = second
    slope = low / 2 + high / 2
    return slope, room(slope)[1]
