"""What users may say in several ways, turned into what codecs take."""

from __future__ import annotations

import math
import re

import numpy as np

from medcodec.errors import OptionError
from medcodec.volume.model import Volume

_AMOUNT = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([^\W\d_][\w/]*)?\s*")


def stored_max_error(max_error: int | str | None, volume: Volume) -> int | None:
    """Return an error bound in stored units.

    Parameters
    ----------
    max_error
        A whole number of stored units, or a text: ``"2"`` means the same, and ``"0.5HU"`` (any unit) is in
        scaled units and is divided by the volume's slope, rounded down.
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
        msg = f"max_error {max_error!r}: give a whole number of stored units (2), or a unit too (0.5HU)"
        raise OptionError(msg)
    if not found[2]:
        if amount != int(amount):
            msg = f"max_error {max_error!r} is not a whole number; scaled values need their unit (0.5HU)"
            raise OptionError(msg)
        return int(amount)
    slope = abs(volume.slope)
    if not math.isfinite(slope) or slope == 0 or volume.voxels.dtype.kind not in "iu":
        msg = f"max_error {max_error!r}: a unit needs whole-number voxels with a slope; this volume has "
        msg += f"{volume.voxels.dtype} voxels and slope {volume.slope}"
        raise OptionError(msg)
    # A bound that is a multiple of the slope up to rounding must not lose a whole step.
    return int(np.floor(amount / slope * (1 + 1e-12)))
