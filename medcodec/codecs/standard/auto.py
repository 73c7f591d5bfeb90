"""Which codec `auto` takes for a lossy request: the best that is there, by the measured tables.

BD-rates against x265 medium on CT, MR and cine volumes (docs/standard-codecs.md) order them.
"""

from __future__ import annotations

from medcodec.codecs.base import Codec
from medcodec.codecs.registry import make_codec
from medcodec.codecs.standard.av1 import Av1Codec
from medcodec.codecs.standard.base import StandardCodec
from medcodec.codecs.standard.hevc import HevcCodec
from medcodec.codecs.standard.vvc import VvcCodec
from medcodec.errors import OptionError

# Above this PSNR (to the range of values) video codecs, of few bits, are not tried.
OWN_PSNR_DB = 64.0

_FAST: tuple[StandardCodec, ...] = (Av1Codec(speed=4), HevcCodec(crf=24.0))
_DEFAULT: tuple[StandardCodec, ...] = (VvcCodec(), Av1Codec(encoder="aom", speed=4))
_BY_EFFORT: dict[str, tuple[StandardCodec, ...]] = {
    "fastest": (HevcCodec(crf=24.0),),
    "fast": _FAST,
    "default": _DEFAULT,
    "max": (VvcCodec(preset="slower"), *_DEFAULT),
}


def best_lossy(effort: str | None = None) -> Codec:
    """Return the best lossy codec that can run here: the wavelet codec, which needs nothing, at the least.

    Parameters
    ----------
    effort
        "fastest", "fast", "default" or "max".

    Raises
    ------
    OptionError
        If the effort is unknown.
    """
    for codec in candidates(effort):
        if all(need.met() for need in codec.needs):
            return codec
    return make_codec("wavelet", effort={"fastest": "fast"}.get(effort or "default", effort))


def candidates(effort: str | None = None) -> tuple[StandardCodec, ...]:
    """Return the codecs that `best_lossy` looks for, the best one first."""
    if (effort or "default") not in _BY_EFFORT:
        msg = f"unknown effort {effort!r}; known: {', '.join(_BY_EFFORT)}"
        raise OptionError(msg)
    return _BY_EFFORT[effort or "default"]
