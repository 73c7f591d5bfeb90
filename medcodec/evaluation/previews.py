"""Pictures of a few slices, original, decoded and error, as PNG for the report's viewer."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.extras import need

Frames = npt.NDArray[Any]
_DARKEST, _BRIGHTEST = 0.5, 99.5


@dataclass(frozen=True)
class Preview:
    """Three pictures of a slice.

    Parameters
    ----------
    slice
        Its number among the slices.
    original, decoded
        PNG in base64, 8 bits: the middle 99 % of the original's values.
    error
        PNG of the absolute difference.
    error_white
        The difference that is white in it, in stored units.
    low, high
        The values that are black and white in the original and decoded pictures.
    """

    slice: int
    original: str
    decoded: str
    error: str
    error_white: float
    low: float
    high: float


def previews(original: Frames, decoded: Frames, *, count: int) -> list[Preview]:
    """Return pictures of ``count`` slices, evenly chosen without the first and last.

    Parameters
    ----------
    original, decoded
        Frame arrays, shape ``(sequences, frames, height, width)``.
    """
    a = original.reshape(-1, *original.shape[2:])
    b = decoded.reshape(-1, *decoded.shape[2:])
    numbers = sorted({(n + 1) * len(a) // (count + 1) for n in range(count)})
    return [_preview(n, a[n], b[n]) for n in numbers]


def _preview(number: int, original: Frames, decoded: Frames) -> Preview:
    x, y = original.astype(np.float64), decoded.astype(np.float64)
    shown = x[np.isfinite(x)]
    low, high = (float(v) for v in np.percentile(shown, [_DARKEST, _BRIGHTEST])) if shown.size else (0.0, 1.0)
    high = high if high > low else low + 1
    error = np.nan_to_num(np.abs(x - y), nan=0.0)
    white = max(float(error.max()), 1e-12)
    return Preview(
        slice=number,
        original=_png((x - low) / (high - low)),
        decoded=_png((y - low) / (high - low)),
        error=_png(error / white),
        error_white=float(error.max()),
        low=low,
        high=high,
    )


def _png(values: npt.NDArray[np.float64]) -> str:
    image = need("PIL.Image", extra="eval", purpose="pictures of slices")
    grey = np.round(255 * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    image.fromarray(grey).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
