"""What to run: codecs with settings and their points, as users write them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from medcodec.codecs.base import Codec
from medcodec.codecs.registry import codecs, make_codec
from medcodec.errors import OptionError

_QUALITY = "quality"
_POINT_OPTIONS = ("qp", "crf", "distance", "step", "psnr", _QUALITY, "max_error")


@dataclass(frozen=True)
class CodecSpec:
    """A codec with its settings.

    Parameters
    ----------
    label
        As written by the user; the name in tables.
    name
        In the registry.
    settings
        Options of the codec, besides the point.
    point_option
        The option that points are values of, "quality" for the codec's own scale from 0 to 100; "" for none.
    """

    label: str
    name: str
    settings: tuple[tuple[str, Any], ...]
    point_option: str

    def make(self, point: float | None) -> Codec:
        """Return the codec at a point; None for its default."""
        options = dict(self.settings)
        if point is None:
            return make_codec(self.name, **options)
        if self.point_option == _QUALITY:
            return make_codec(self.name, **options).at_percent(point)
        return make_codec(self.name, **{**options, self.point_option: point})


def parse_codec(text: str) -> CodecSpec:
    """Return the codec that ``NAME[:OPTION=VALUE...]`` names.

    ``point=OPTION`` says which option the points are values of; by default the first that the codec has of
    qp, crf, distance, step, psnr, quality and max_error. A quality is from 0 to 100, on the codec's scale.

    Raises
    ------
    OptionError
        If there is no such codec or option.
    """
    name, *pairs = text.split(":")
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            msg = f"codec {text!r}: write options as NAME:OPTION=VALUE"
            raise OptionError(msg)
        settings[key] = _value(value)
    point = str(settings.pop("point", "")) or _default_point(name)
    return CodecSpec(text, name, tuple(sorted(settings.items())), point)


def parse_points(texts: list[str], labels: list[str]) -> dict[str, list[float | None]]:
    """Return the points of each codec from ``1,2,4`` (for all codecs) and ``LABEL=22,27`` (for one).

    A codec without points runs once, with its defaults.

    Raises
    ------
    OptionError
        If a label is none of the codecs, or a point is no number.
    """
    common: list[float | None] = []
    own: dict[str, list[float | None]] = {}
    for text in texts:
        label, _, values = text.rpartition("=")
        if label and label not in labels:
            msg = f"points {text!r}: {label!r} is none of the codecs {', '.join(labels)}"
            raise OptionError(msg)
        try:
            numbers: list[float | None] = [_number(value) for value in values.split(",") if value]
        except ValueError as error:
            msg = f"points {text!r}: write numbers with commas between, as in 0,1,2 or hevc=22,27,32,37"
            raise OptionError(msg) from error
        if label:
            own[label] = numbers
        else:
            common = numbers
    return {label: own.get(label) or common or [None] for label in labels}


def split_codecs(text: str) -> list[str]:
    """Return the codecs of a list with commas between."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _default_point(name: str) -> str:
    kind = codecs.get(name)
    options: set[str] = set()
    if dataclasses.is_dataclass(kind):
        options = {entry.name for entry in dataclasses.fields(kind)}
    return next((option for option in _POINT_OPTIONS if option in options), "")


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value == int(value) else value


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return _number(text)
    except (ValueError, OverflowError):
        return text
