"""What the codecs of pictures (JPEG XL, JPEG 2000, HTJ2K, JPEG-LS) share: each frame is one stream."""

from __future__ import annotations

import struct
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.codecs.standard.base import Shape, StandardCodec, flat
from medcodec.codecs.standard.needs import load
from medcodec.errors import FormatError

# SOC and SIZ markers, length and capabilities (skipped), sizes, offsets, tiles, number of components.
_SIZ = struct.Struct(">I2x2x8IH")
_SOC_SIZ = 0xFF4FFF51


class PictureCodec(StandardCodec):
    """One picture per frame; subclasses code one."""

    depths: ClassVar[tuple[int, ...]] = tuple(range(8, 17))
    box_frames: ClassVar[int] = 8

    def _encode_samples(self, samples: AnyArray, bits: int) -> list[bytes]:
        return [self._encode_picture(picture, bits) for picture in flat(samples)]

    def _decode_samples(self, streams: list[bytes], shape: Shape, bits: int) -> AnyArray:
        if len(streams) != shape[0] * shape[1]:
            msg = f"codec {self.name!r}: {len(streams)} pictures instead of {shape[0] * shape[1]}"
            raise FormatError(msg)
        dtype = np.uint8 if bits <= 8 else np.uint16
        pictures = np.empty((len(streams), *shape[2:]), dtype)
        for n, stream in enumerate(streams):
            self._check_size(stream, shape[2], shape[3])
            picture = np.asarray(self._decode_picture(stream))
            if picture.shape != shape[2:] or picture.dtype.kind != "u":
                msg = f"codec {self.name!r}: picture {n} is {picture.dtype} {picture.shape}, not {shape[2:]}"
                raise FormatError(msg)
            pictures[n] = np.minimum(picture, (1 << bits) - 1)
        return pictures.reshape(shape)

    def _check_size(self, stream: bytes, height: int, width: int) -> None:
        """Raise `FormatError` if a stream claims another size: decoders would take memory and time for it."""

    @abstractmethod
    def _encode_picture(self, picture: AnyArray, bits: int) -> bytes:
        """Return the stream of a picture, shape ``(height, width)``."""

    @abstractmethod
    def _decode_picture(self, stream: bytes) -> AnyArray:
        """Return the picture of a stream."""


def check_codestream(stream: bytes, height: int, width: int) -> None:
    """Raise `FormatError` unless a JPEG 2000 codestream begins with one component and tile of that size."""
    fields = _SIZ.unpack_from(stream.ljust(_SIZ.size, b"\0"))
    soc_siz, wide, tall, *origin, tile_width, tile_height, tile_x, tile_y, components = fields
    good = (soc_siz, wide, tall, components) == (_SOC_SIZ, width, height, 1)
    whole = tile_width >= width and tile_height >= height and not any((*origin, tile_x, tile_y))
    if not (good and whole):
        msg = f"the codestream holds {wide}x{tall}, {components} components, instead of {width}x{height}, one"
        raise FormatError(msg)


def image_codecs() -> Any:
    """Return the module imagecodecs."""
    return load("imagecodecs")
