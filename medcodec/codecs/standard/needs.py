"""What a codec needs from outside, as data, and how to get it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from medcodec.errors import MissingDependencyError

_PROBE_SECONDS = 60


@dataclass(frozen=True)
class Need:
    """A package or a program that a codec runs on.

    Parameters
    ----------
    name
        What it is called in messages.
    how
        How to get it.
    module
        The Python module that brings it; None for a program.
    features
        Names that the module must have (see `has_av_codec`), or encoders that ffmpeg must know.
    variable
        Environment variable with the program's path.
    programs
        Names of the program on the search path.
    """

    name: str
    how: str
    module: str | None = None
    features: tuple[str, ...] = ()
    variable: str | None = None
    programs: tuple[str, ...] = ()

    def met(self) -> bool:
        """Tell whether it is there."""
        if self.module is None:
            return self.path() is not None
        if importlib.util.find_spec(self.module) is None:
            return False
        if self.module == "imagecodecs":
            return all(_has_image_codec(feature) for feature in self.features)
        return all(has_av_codec(feature) for feature in self.features)

    def path(self) -> str | None:
        """Return the path of the program; None if it is not there."""
        named = os.environ.get(self.variable, "") if self.variable else ""
        candidates = [named] if named else [found for name in self.programs if (found := shutil.which(name))]
        if not named and "ffmpeg" in self.programs and (bundled := _bundled_ffmpeg()):
            candidates.append(bundled)
        for path in candidates:
            if Path(path).is_file() and all(_ffmpeg_has(path, feature) for feature in self.features):
                return path
        return None


def require(codec: str, needs: tuple[Need, ...]) -> None:
    """Raise unless all needs of a codec are met.

    Raises
    ------
    MissingDependencyError
        Names what is missing and how to get it.
    """
    missing = [need for need in needs if not need.met()]
    if missing:
        what = "; ".join(f"{need.name} is missing: {need.how}" for need in missing)
        msg = f"codec {codec!r} cannot run here: {what}"
        raise MissingDependencyError(msg)


def load(module: str) -> Any:
    """Import a module whose presence `require` has told of."""
    return importlib.import_module(module)


@lru_cache(maxsize=32)
def has_av_codec(feature: str) -> bool:
    """Tell whether PyAV has a codec: ``"libx265:w"`` to encode, ``"hevc:r"`` to decode."""
    name, _, mode = feature.partition(":")
    try:
        load("av").codec.Codec(name, mode)
    except (ImportError, ValueError):
        return False
    return True


def _has_image_codec(name: str) -> bool:
    return bool(getattr(getattr(load("imagecodecs"), name), "available", False))


def _bundled_ffmpeg() -> str | None:
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    try:
        return str(load("imageio_ffmpeg").get_ffmpeg_exe())
    except (RuntimeError, OSError):
        return None


@lru_cache(maxsize=32)
def _ffmpeg_has(path: str, encoder: str) -> bool:
    command = [path, "-hide_banner", "-encoders"]
    try:
        said = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return f" {encoder} ".encode() in said


PYAV = "pip install 'medcodec[video]' (PyAV)"
IMAGECODECS = "pip install 'medcodec[images]' (imagecodecs)"
FFMPEG = "pip install 'medcodec[video]' (imageio-ffmpeg), or name an ffmpeg that has it in MEDCODEC_FFMPEG"


def av_need(*features: str) -> Need:
    """Return the need of codecs of PyAV."""
    return Need(f"PyAV with {', '.join(feature[:-2] for feature in features)}", PYAV, "av", features)


def image_need(feature: str) -> Need:
    """Return the need of a codec of imagecodecs."""
    return Need(f"imagecodecs with {feature}", IMAGECODECS, "imagecodecs", (feature,))


def ffmpeg_need(encoder: str) -> Need:
    """Return the need of an encoder of the ffmpeg program."""
    return Need(
        f"an ffmpeg with {encoder}",
        FFMPEG,
        features=(encoder,),
        variable="MEDCODEC_FFMPEG",
        programs=("ffmpeg",),
    )
