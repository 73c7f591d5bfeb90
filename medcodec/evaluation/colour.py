"""PSNR of video: in RGB, and in YUV with 6:1:1 weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.evaluation.metrics import PSNR_CEILING_DB, psnr_db
from medcodec.extras import need
from medcodec.volume.video import Video

_KR, _KG, _KB = 0.2126, 0.7152, 0.0722
YUV_WEIGHTS = (6, 1, 1)


def to_rgb(video: Video, frame: int, *, full_range: bool = True) -> npt.NDArray[np.float64]:
    """Return one frame in RGB by BT.709, shape ``(3, height, width)``, float64, 0 to 1.

    Parameters
    ----------
    video
        With chroma 4:2:0, 4:2:2 or 4:4:4 (enlarged bilinearly), or grey.
    frame
        Its number.
    full_range
        Take samples as using all values, as the published neural codecs do with the HEVC classes, whatever
        the file says; False for the standard's limited range (luma 16 to 235).
    """
    top, unit = (1 << video.format.bits) - 1, 1 << (video.format.bits - 8)
    planes = [plane[frame].astype(np.float64) for plane in video.planes]
    luma = planes[0] / top if full_range else (planes[0] - 16 * unit) / (219 * unit)
    if len(planes) == 1:
        return np.asarray(np.clip(np.stack([luma] * 3), 0, 1))
    cb, cr = (_enlarge(plane, luma.shape) for plane in planes[1:])
    middle = 0.5 * top if full_range else 128 * unit
    span = top if full_range else 224 * unit
    cb, cr = (cb - middle) / span, (cr - middle) / span
    red, blue = luma + (2 - 2 * _KR) * cr, luma + (2 - 2 * _KB) * cb
    green = (luma - _KR * red - _KB * blue) / _KG
    return np.asarray(np.clip(np.stack([red, green, blue]), 0, 1))


def rgb_psnr_db(original: Video, decoded: Video, *, full_range: bool = True) -> list[float]:
    """Return the PSNR of each frame in 8-bit RGB (BT.709, rounded, peak 255), at most 100 dB."""
    values = []
    for frame in range(original.frames):
        pair = [np.round(255 * to_rgb(video, frame, full_range=full_range)) for video in (original, decoded)]
        values.append(min(PSNR_CEILING_DB, psnr_db(float(np.mean((pair[0] - pair[1]) ** 2)), 255)))
    return values


def yuv_psnr_db(original: Video, decoded: Video) -> list[float]:
    """Return the PSNR of each frame, (6 Y + U + V) / 8 of the planes' PSNR with the depth's peak.

    A plane without error counts as 100 dB; a grey video has its luma only.
    """
    top = float((1 << original.format.bits) - 1)
    values = []
    for frame in range(original.frames):
        planes = [
            min(PSNR_CEILING_DB, psnr_db(_mean_square(a[frame], b[frame]), top))
            for a, b in zip(original.planes, decoded.planes, strict=True)
        ]
        weights = YUV_WEIGHTS[: len(planes)]
        values.append(float(np.average(planes, weights=weights)))
    return values


def _mean_square(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    return float(np.mean(np.subtract(a, b, dtype=np.float64) ** 2))


def _enlarge(plane: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    if plane.shape == shape:
        return plane
    ndimage = need("scipy.ndimage", extra="eval", purpose="PSNR in RGB")
    factors = [wanted / size for wanted, size in zip(shape, plane.shape, strict=True)]
    enlarged: npt.NDArray[np.float64] = ndimage.zoom(plane, factors, order=1)
    return enlarged
