"""Proof that a coded box decodes to what was promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import Codec
from medcodec.errors import IntegrityError, MedcodecError
from medcodec.volume.frames import Shape4

T = TypeVar("T")


def decode_checked(
    codec: Codec, coded: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Decode a box; whatever a codec raises becomes a `MedcodecError`.

    Raises
    ------
    IntegrityError
        If the codec fails, or returns another shape or dtype than it should.
    """
    return _checked(codec, partial(codec.decode, coded, shape, dtype), shape, dtype)


def decode_reduced_checked(
    codec: Codec, coded: bytes, shape: Shape4, dtype: np.dtype[Any], *, scale: int, frames: range
) -> npt.NDArray[Any]:
    """Decode frames of a box at a fraction of their size, as `decode_checked` does whole boxes.

    Raises
    ------
    IntegrityError
        If the codec fails, or returns another shape or dtype than it should.
    """
    smaller = (shape[0], len(frames), -(-shape[2] // scale), -(-shape[3] // scale))
    decode = partial(codec.decode_reduced, coded, shape, dtype, scale=scale, frames=frames)
    return _checked(codec, decode, smaller, dtype)


def decode_many_checked(
    codec: Codec,
    data: bytes,
    ranges: Sequence[tuple[int, int]],
    shapes: Sequence[Shape4],
    dtype: np.dtype[Any],
) -> list[npt.NDArray[Any]]:
    """Decode several boxes, as `decode_checked` does one; see `Codec.decode_many`.

    Raises
    ------
    IntegrityError
        If the codec fails, or returns other shapes or another dtype than it should.
    """
    boxes = _guarded(codec, partial(codec.decode_many, data, ranges, shapes, dtype))
    for box, shape in zip(boxes, shapes, strict=True):
        _check(codec, box, shape, dtype)
    return boxes


def place_many_checked(
    codec: Codec,
    data: bytes,
    ranges: Sequence[tuple[int, int]],
    cuts: npt.NDArray[np.int64],
    frames: npt.NDArray[Any],
) -> list[int] | None:
    """Copy parts of several boxes, and return the checksums of the boxes; see `Codec.place_many`.

    Raises
    ------
    IntegrityError
        If the codec fails.
    """
    return _guarded(codec, partial(codec.place_many, data, ranges, cuts, frames))


def _checked(
    codec: Codec, decode: Callable[[], npt.NDArray[Any]], shape: Shape4, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    box = _guarded(codec, decode)
    _check(codec, box, shape, dtype)
    return box


def _guarded(codec: Codec, decode: Callable[[], T]) -> T:
    try:
        return decode()
    except MedcodecError:
        raise
    except Exception as error:
        msg = f"codec {codec.name!r} cannot decode it ({type(error).__name__}: {error})"
        raise IntegrityError(msg) from error


def _check(codec: Codec, box: npt.NDArray[Any], shape: Shape4, dtype: np.dtype[Any]) -> None:
    if box.shape != shape or box.dtype != dtype:
        msg = f"codec {codec.name!r} returned {box.dtype} {box.shape} instead of {dtype} {shape}"
        raise IntegrityError(msg)


def same_bits(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    """Tell whether two arrays of one real dtype hold the same bits (NaN and signed zeros included)."""
    unsigned = f"u{first.dtype.itemsize}"
    return bool(np.array_equal(first.view(unsigned), second.view(unsigned)))


def greatest_error(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Return the greatest absolute difference; infinite where only one of two values is finite.

    Integers are compared exactly; equal infinities and two NaN differ by 0.
    """
    if first.size == 0:
        return 0.0
    if first.dtype.kind in "iub" and second.dtype.kind in "iub":
        return _greatest_integer_error(first, second)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(first, second, dtype=np.result_type(first, second, np.float64)))
    if np.isnan(error).any():
        same = (first == second) | ((first != first) & (second != second))  # noqa: PLR0124 (NaN)
        error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
    return float(error.max())


def _greatest_integer_error(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    greater = np.maximum(first, second)
    # Modulo 2**64 the difference of the greater and the lesser is exact for any two integer dtypes.
    if greater.dtype.kind == "f":
        pairs = zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)
        return float(max(abs(a - b) for a, b in pairs))
    lesser = np.minimum(first, second)
    return float((greater.astype(np.uint64) - lesser.astype(np.uint64)).max())


def prove(codec: Codec, original: npt.NDArray[Any], decoded: npt.NDArray[Any]) -> None:
    """Raise unless ``decoded`` is ``original``, or within the codec's error bound of it.

    Raises
    ------
    IntegrityError
        If it is not: an error in the codec.
    """
    if codec.exact:
        if not same_bits(original, decoded):
            msg = f"codec {codec.name!r} does not give back what it was given: please report this"
            raise IntegrityError(msg)
        return
    bound = getattr(codec, "max_error", None)
    if bound is not None and greatest_error(original, decoded) > bound:
        msg = f"codec {codec.name!r} exceeds its error bound of {bound}: please report this"
        raise IntegrityError(msg)
