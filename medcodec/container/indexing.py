"""NumPy's basic indexing, taken apart into one range per axis."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

from medcodec.errors import OptionError


@dataclass(frozen=True)
class Selection:
    """What an index selects.

    Parameters
    ----------
    ranges
        The indices along each axis, in the order asked for.
    dropped
        The axes that were given as a number, and are not in the result.
    """

    ranges: tuple[range, ...]
    dropped: tuple[int, ...]


def parse_index(key: Any, shape: tuple[int, ...]) -> Selection:
    """Take a basic index apart: numbers, slices (negative steps too) and one ellipsis.

    Raises
    ------
    IndexError
        If a number is out of range, or there are too many.
    OptionError
        For masks, index arrays and new axes, which need the whole array: ``numpy.asarray(volume)[...]``.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = [n for n, part in enumerate(parts) if part is Ellipsis]
    missing = len(shape) - (len(parts) - len(dots))
    if len(dots) > 1 or missing < 0:
        msg = f"index {key!r} has too many parts for a volume of {len(shape)} axes"
        raise IndexError(msg)
    at = dots[0] if dots else len(parts)
    parts[at : at + 1] = [slice(None)] * missing
    ranges = [
        _axis_range(part, size, axis) for axis, (part, size) in enumerate(zip(parts, shape, strict=True))
    ]
    return Selection(tuple(ranges), tuple(n for n, part in enumerate(parts) if not isinstance(part, slice)))


def _axis_range(part: slice | int | EllipsisType, size: int, axis: int) -> range:
    if isinstance(part, slice):
        return range(size)[part]
    try:
        if isinstance(part, bool):
            raise TypeError
        number = operator.index(part)  # type: ignore[arg-type]
    except TypeError:
        msg = f"index {part!r:.40} of axis {axis}: only numbers, slices and one ellipsis are possible; "
        msg += "for masks and index arrays use numpy.asarray(volume) first"
        raise OptionError(msg) from None
    if not -size <= number < size:
        msg = f"index {number} is out of range for axis {axis} of size {size}"
        raise IndexError(msg)
    number %= size
    return range(number, number + 1)
