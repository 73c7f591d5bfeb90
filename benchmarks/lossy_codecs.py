"""The codecs of the lossy benchmark, with the settings at which each draws its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.lossy_frames import EIGHT_BITS, INTRA_PERIOD
from medcodec.codecs.base import Codec
from medcodec.codecs.registry import codecs, make_codec
from medcodec.codecs.standard.base import StandardCodec
from medcodec.evaluation.specs import parse_codec

ANCHOR = "x265-medium"
QUALITY = "quality"
_QUALITIES = (20.0, 35.0, 50.0, 65.0, 80.0)


@dataclass(frozen=True)
class Entry:
    """A codec of medcodec with its points.

    Parameters
    ----------
    codec
        Its name in the registry.
    option
        What the points are values of; "quality" for the codec's own scale from 0 to 100.
    eight_bits, native
        The points of each protocol, from best to worst or the other way.
    settings
        Other options.
    """

    codec: str
    option: str
    eight_bits: tuple[float, ...]
    native: tuple[float, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def points(self, protocol: str) -> tuple[float, ...]:
        """Return the points of a protocol."""
        return self.eight_bits if protocol == EIGHT_BITS else self.native

    def make(self, point: float) -> Codec:
        """Return the codec at a point."""
        if self.option == QUALITY:
            return make_codec(self.codec, **self.settings).at_percent(point)
        whole = int(point) if point == int(point) else point
        return make_codec(self.codec, **self.settings, **{self.option: whole})

    def missing(self) -> list[str]:
        """Return what the codec lacks on this machine."""
        codec = self.make(self.eight_bits[0])
        needs = codec.needs if isinstance(codec, StandardCodec) else ()
        return [need.name for need in needs if not need.met()]


_CRF, _CRF_NATIVE = (10, 16, 22, 28, 34), (4, 10, 16, 22, 28)
_QP, _QP_NATIVE = (14, 20, 26, 32, 38), (8, 14, 20, 26, 32)
_AV1, _AV1_NATIVE = (10, 20, 32, 44, 56), (5, 12, 24, 36, 48)
_PERIOD = {"intra_period": INTRA_PERIOD}

LISTED = {
    "x265-medium": Entry("hevc", "crf", _CRF, _CRF_NATIVE, {"preset": "medium", **_PERIOD}),
    "x265-veryslow": Entry("hevc", "crf", _CRF, _CRF_NATIVE, {"preset": "veryslow", **_PERIOD}),
    "vvenc-medium": Entry("vvc", "qp", _QP, _QP_NATIVE, {"preset": "medium", **_PERIOD}),
    "libaom-4": Entry("av1", "crf", _AV1, _AV1_NATIVE, {"encoder": "aom", "speed": 4, **_PERIOD}),
    "svtav1-4": Entry("av1", "crf", _AV1, _AV1_NATIVE, {"encoder": "svt", "speed": 4, **_PERIOD}),
    "sperr": Entry("sperr", "psnr", (20, 25, 30, 35, 40), (20, 25, 30, 35, 40)),
    "jpeg2000": Entry("jpeg2000", "psnr", (30, 35, 40, 45, 50), (34, 39, 44, 49, 54)),
    "jpegxl": Entry("jpegxl", "distance", (0.3, 0.8, 2, 5, 12), (0.3, 0.8, 2, 5, 12)),
}


def all_entries() -> dict[str, Entry]:
    """Return the listed codecs, then every other one of the registry, at five of its own qualities."""
    taken = {entry.codec for entry in LISTED.values()}
    others = {
        name: Entry(name, QUALITY, _QUALITIES, _QUALITIES) for name in codecs.names() if name not in taken
    }
    return {**LISTED, **others}


def find_entry(name: str) -> Entry:
    """Return a codec by its name, or a variant by ``NAME:OPTION=VALUE...``.

    A variant has five of its own qualities as points, unless ``point=OPTION`` names an option that is given
    values of.

    Raises
    ------
    OptionError
        If a variant is of no known codec.
    """
    entries = all_entries()
    if name in entries:
        return entries[name]
    spec = parse_codec(name if ":point=" in name else f"{name}:point={QUALITY}")
    return Entry(spec.name, spec.point_option, _QUALITIES, _QUALITIES, dict(spec.settings))
