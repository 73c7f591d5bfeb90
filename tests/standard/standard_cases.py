"""The codecs with settings, and small helpers that the tests of this folder share."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from medcodec.codecs.base import Codec, FrameGroup
from medcodec.codecs.registry import make_codec

Case = tuple[str, dict[str, Any]]

LOSSLESS: list[Case] = [
    ("hevc", {}),
    ("hevc", {"preset": "slower"}),
    ("jpegxl", {"effort": 3}),
    ("jpegxl", {"layout": "channels", "effort": 3}),
    ("jpeg2000", {}),
    ("htj2k", {}),
    ("jpegls", {}),
    ("sz3", {}),
    ("sperr", {}),
]
BOUNDED: list[Case] = [("jpegls", {"max_error": 2}), ("sz3", {"max_error": 2}), ("sperr", {"max_error": 2})]
LOSSY: list[Case] = [
    ("hevc", {"crf": 12.0, "preset": "veryfast"}),
    ("hevc", {"crf": 12.0, "bits": 12, "low_delay": True, "intra_period": 2}),
    ("vvc", {"qp": 14, "preset": "faster"}),
    ("av1", {"crf": 12, "speed": 8}),
    ("av1", {"crf": 12, "encoder": "aom", "speed": 8}),
    ("jpegxl", {"distance": 1.0, "effort": 3}),
    ("jpeg2000", {"psnr": 50.0}),
    ("htj2k", {"step": 0.002}),
    ("sperr", {"psnr": 50.0}),
]


def names(case: Case) -> str:
    return "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items())])


def usable(case: Case) -> Codec:
    codec = make_codec(case[0], **case[1])
    for need in codec.needs:
        if not need.met():
            pytest.skip(f"{need.name} is missing: {need.how}")
    return codec


def round_trip(codec: Codec, voxels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Code and decode with a codec made from the settings as a file keeps them."""
    data = codec.encode(FrameGroup(voxels))
    other = type(codec).from_dict(json.loads(json.dumps(codec.to_dict())))
    assert other == codec
    decoded = other.decode(data, voxels.shape, voxels.dtype)
    assert decoded.shape == voxels.shape
    assert decoded.dtype == voxels.dtype
    return data, decoded


def psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    error = np.mean((original.astype(float) - decoded.astype(float)) ** 2)
    extent = float(original.max()) - float(original.min())
    return math.inf if error == 0 else 10 * math.log10(extent**2 / error)
