"""What users may say in several ways, turned into what codecs take."""

from __future__ import annotations

import math
import re

from medcodec.errors import OptionError
from medcodec.volume.model import Volume

_AMOUNT = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([^\W\d_][\w/]*)?\s*")


def stored_max_error(max_error: float | str | None, volume: Volume) -> float | None:
    """Return an error bound in stored units: a whole number for whole-number voxels.

    Parameters
    ----------
    max_error
        An amount of stored units, or a text: ``"2"`` means the same, and ``"0.5HU"`` (any unit) is in scaled
        units, divided by the volume's slope; rounded down for whole-number voxels.
    volume
        Gives slope and dtype.

    Raises
    ------
    OptionError
        If it cannot be understood, is negative, or has no meaning for this volume.
    """
    if max_error is None:
        return None
    found = _AMOUNT.fullmatch(str(max_error))
    amount = float(found[1]) if found else math.nan
    if not found or not math.isfinite(amount):
        msg = f"max_error {max_error!r}: give an amount of stored units (2), or a unit too (0.5HU)"
        raise OptionError(msg)
    whole = volume.voxels.dtype.kind in "iub"
    if not found[2]:
        if whole and amount != int(amount):
            msg = f"max_error {max_error!r} is not a whole number; scaled values need their unit (0.5HU)"
            raise OptionError(msg)
        return int(amount) if whole else amount
    slope = abs(volume.slope)
    if not math.isfinite(slope) or slope == 0:
        msg = f"max_error {max_error!r}: a unit needs a slope, and this volume's is {volume.slope}"
        raise OptionError(msg)
    # A bound that is a multiple of the slope up to rounding must not lose a whole step.
    return math.floor(amount / slope * (1 + 1e-12)) if whole else amount / slope
