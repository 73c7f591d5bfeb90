"""The registry of codecs, and making a codec from options or from what a file says."""

from __future__ import annotations

import dataclasses
from typing import Any

from medcodec.codecs.base import Codec
from medcodec.errors import FormatError, OptionError
from medcodec.registry import Registry

codecs: Registry[type[Codec]] = Registry("codec", entry_point_group="medcodec.codecs")
codecs.register_lazy("adaptive", "medcodec.codecs.adaptive:AdaptiveCodec")
codecs.register_lazy("wavelet", "medcodec.codecs.wavelet.codec:WaveletCodec")
for _name, _target in {
    "av1": "av1:Av1Codec",
    "hevc": "hevc:HevcCodec",
    "hm": "reference:HmCodec",
    "htj2k": "htj2k:Htj2kCodec",
    "jpeg2000": "jpeg2000:Jpeg2000Codec",
    "jpegls": "jpegls:JpegLsCodec",
    "jpegxl": "jpegxl:JpegXlCodec",
    "sperr": "sperr:SperrCodec",
    "sz3": "sz3:Sz3Codec",
    "vtm": "reference:VtmCodec",
    "vvc": "vvc:VvcCodec",
}.items():
    codecs.register_lazy(_name, f"medcodec.codecs.standard.{_target}")


def make_codec(name: str, **options: Any) -> Codec:
    """Return a codec by name; options that are None are left to the codec.

    Raises
    ------
    OptionError
        If there is no such codec, it has no such option, or refuses the value.
    """
    kind = codecs.get(name)
    given = {key: value for key, value in options.items() if value is not None}
    known: set[str] = (
        {field.name for field in dataclasses.fields(kind) if field.init}
        if dataclasses.is_dataclass(kind)
        else set()
    )
    for key in given:
        if key not in known:
            msg = (
                f"codec {name!r} has no option {key!r}; its options are {', '.join(sorted(known)) or 'none'}"
            )
            raise OptionError(msg)
    return kind(**given)


def load_codec(name: str, settings: dict[str, Any], model_sha256: str | None = None) -> Codec:
    """Return the codec that wrote a file.

    Raises
    ------
    OptionError
        If no codec of that name is installed.
    FormatError
        If the settings are malformed, or the codec has another model.
    """
    try:
        codec = codecs.get(name).from_dict(settings)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"codec {name!r} does not take these settings: {settings!r:.80} ({error})"
        raise FormatError(msg) from error
    if codec.model_sha256 != model_sha256:
        msg = f"codec {name!r} has model {codec.model_sha256}, but the file was written with {model_sha256}; "
        msg += "install the version of the codec, or the model, that wrote it"
        raise OptionError(msg)
    return codec
