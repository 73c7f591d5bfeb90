"""numcodecs: a compressor whose output is a whole .medc stream, for zarr's format 2 and for plain buffers.

It keeps shape, dtype and memory order of what it is given, with checksums. The stream's own head takes a few
hundred bytes, so chunks should not be small; in zarr's format 3 use `medcodec.integrations.zarr`.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

import medcodec
from medcodec.api import load_volume
from medcodec.codecs.registry import make_codec
from medcodec.integrations.extras import missing

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_contiguous_ndarray, ensure_ndarray, ndarray_copy
    from numcodecs.registry import register_codec
except ImportError as error:
    raise missing(error, extra="zarr") from error

NAME = "medcodec"


class Medcodec(Codec):
    """Code arrays of any real dtype, dates, and plain bytes as .medc streams.

    Parameters
    ----------
    codec
        Name of a codec of medcodec's registry.
    options
        Of that codec: ``effort="fastest"``, ``max_error=2``.

    Raises
    ------
    OptionError
        If there is no such codec, it has no such option, or refuses the value.
    """

    codec_id = NAME

    def __init__(self, codec: str = "adaptive", **options: Any) -> None:
        make_codec(codec, **options)
        self.codec = codec
        self.options = options

    def encode(self, buf: Any) -> bytes:
        """Return the .medc stream of an array, or of bytes.

        Raises
        ------
        MedcodecError
            If its dtype cannot be coded.
        TypeError
            If it holds objects.
        """
        # Also refuses objects and memory that is not contiguous.
        flat = ensure_contiguous_ndarray(buf)
        array = ensure_ndarray(buf)
        shape, order = array.shape, "F" if array.flags.f_contiguous and array.ndim > 1 else "C"
        plain = flat.view(np.int64) if array.dtype.kind in "Mm" else flat.view(array.dtype)
        stream = io.BytesIO()
        voxels = plain.reshape(shape or (1,), order=order)
        medcodec.compress(voxels, stream, codec=make_codec(self.codec, **self.options), threads=1)
        return stream.getvalue()

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Return what was encoded, flat and in its memory order; into ``out`` if that is given.

        Raises
        ------
        MedcodecError
            If the stream is damaged.
        """
        data = ensure_contiguous_ndarray(buf)
        if out is not None:
            out = ensure_contiguous_ndarray(out)
        volume = load_volume(io.BytesIO(data.tobytes()), threads=1)
        return ndarray_copy(volume.voxels.ravel(order=volume.source.meta["order"]), out)

    def get_config(self) -> dict[str, Any]:
        """Return what builds this codec again."""
        return {"id": self.codec_id, "codec": self.codec, **self.options}

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{type(self).__name__}(codec={self.codec!r}{options})"


def register() -> None:
    """Make numcodecs know the codec where its entry point is not installed."""
    register_codec(Medcodec)
