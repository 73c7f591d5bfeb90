"""Which codec `auto` takes for a lossy request: the best that is there, by the measured tables.

BD-rates against x265 medium on CT, MR and cine volumes (docs/standard-codecs.md) order them.
"""

from __future__ import annotations

from medcodec.codecs.standard.av1 import Av1Codec
from medcodec.codecs.standard.base import StandardCodec
from medcodec.codecs.standard.hevc import HevcCodec
from medcodec.codecs.standard.jpeg2000 import Jpeg2000Codec
from medcodec.codecs.standard.needs import FFMPEG, IMAGECODECS, PYAV
from medcodec.codecs.standard.sperr import SperrCodec
from medcodec.codecs.standard.vvc import VvcCodec
from medcodec.errors import MissingDependencyError, OptionError

# Above this PSNR (to the range of values) the adaptive codec with an error bound is the smallest.
ADAPTIVE_PSNR_DB = 64.0

_LAST: tuple[StandardCodec, ...] = (SperrCodec(psnr=50.0), Jpeg2000Codec(psnr=50.0))
_FAST: tuple[StandardCodec, ...] = (Av1Codec(speed=4), HevcCodec(crf=24.0), *_LAST)
_DEFAULT: tuple[StandardCodec, ...] = (VvcCodec(), Av1Codec(encoder="aom", speed=4), *_FAST)
_BY_EFFORT: dict[str, tuple[StandardCodec, ...]] = {
    "fastest": (HevcCodec(crf=24.0), *_LAST),
    "fast": _FAST,
    "default": _DEFAULT,
    "max": (VvcCodec(preset="slower"), *_DEFAULT),
}


def best_lossy(effort: str | None = None) -> StandardCodec:
    """Return the best lossy codec that can run here.

    Parameters
    ----------
    effort
        "fastest", "fast", "default" or "max".

    Raises
    ------
    OptionError
        If the effort is unknown.
    MissingDependencyError
        If there is none; the text says what to install.
    """
    if (effort or "default") not in _BY_EFFORT:
        msg = f"unknown effort {effort!r}; known: {', '.join(_BY_EFFORT)}"
        raise OptionError(msg)
    for codec in _BY_EFFORT[effort or "default"]:
        if all(need.met() for need in codec.needs):
            return codec
    msg = f"no lossy codec can run here: {PYAV}; {FFMPEG}; or {IMAGECODECS}; --max-error needs nothing"
    raise MissingDependencyError(msg)
