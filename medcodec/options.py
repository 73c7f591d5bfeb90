"""What users may say in several ways, turned into what codecs take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from medcodec.codecs.base import Codec
from medcodec.codecs.registry import make_codec
from medcodec.errors import OptionError
from medcodec.targets import Target
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


def choose_codecs(
    codec: str | Codec,
    codec_options: Mapping[str, Any] | None,
    *,
    effort: str | None,
    max_error: float | None,
    target: Target | None,
) -> list[Codec]:
    """Return the codecs to try, in order: see `medcodec.writing.WritingPlan.write`.

    Parameters
    ----------
    codec
        Name of a codec, "auto", or a codec.
    codec_options
        Settings by name.
    effort, max_error
        Settings that are asked for by options of their own.
    target
        The rate that is asked for.

    Raises
    ------
    OptionError
        If options exclude one another, or something would be lost that nobody agreed to lose.
    """
    if target is not None and max_error is not None:
        msg = f"max_error bounds the error and {target.kind} chooses it; ask for one of them"
        raise OptionError(msg)
    if not isinstance(codec, str):
        if effort is not None or max_error is not None or codec_options:
            msg = (
                "effort, max_error and codec_options are settings of the codec that was given; set them there"
            )
            raise OptionError(msg)
        return [codec]
    if codec == "auto":
        if codec_options:
            msg = f"name the codec that has the options {', '.join(codec_options)}"
            raise OptionError(msg)
        return _automatic(effort, max_error, target)
    asked = {"effort": effort, "max_error": max_error}
    asked = {key: value for key, value in asked.items() if value is not None}
    if twice := sorted(set(asked) & set(codec_options or {})):
        msg = f"{', '.join(twice)} is given twice, once as an option of the codec"
        raise OptionError(msg)
    made = make_codec(codec, **asked, **dict(codec_options or {}))
    if not made.exact and target is None and max_error is None and not codec_options:
        msg = f"codec {codec!r} is lossy: ask for a psnr, bpv, ratio or quality, or give codec options"
        raise OptionError(msg)
    return [made]


def _automatic(effort: str | None, max_error: float | None, target: Target | None) -> list[Codec]:
    adaptive = make_codec("adaptive", effort=effort, max_error=max_error)
    patient = effort in (None, "default", "max")
    if target is None:
        return [adaptive, make_codec("wavelet", max_error=max_error)] if max_error and patient else [adaptive]
    from medcodec.codecs.standard.auto import OWN_PSNR_DB, best_lossy  # noqa: PLC0415 (slow to import)

    if target.kind == "quality":
        return [best_lossy(effort)]
    own = [make_codec("wavelet", effort=effort), adaptive] if patient else [adaptive]
    if target.kind == "psnr" and target.value >= OWN_PSNR_DB:
        return own
    best = best_lossy(effort)
    return [best, *(codec for codec in own if codec.name != best.name)]
