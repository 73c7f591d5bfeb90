"""zarr 3: an array-to-bytes codec that codes each chunk with a codec of medcodec.

Found by zarr through its entry point under the name ``medcodec``. A chunk's last two axes are frames, the one
before them is their order, and all others are sequences; it is cut into boxes of the chunk's size or smaller,
and reading a part of a chunk fetches and decodes only the boxes that it touches. Complex, structured and text
dtypes are not coded. For zarr's format 2 see `medcodec.integrations.numcodecs`.

A coded chunk is the length of each box's bytes (unsigned 32-bit, little-endian), and then these bytes, boxes
in C order. There is no checksum: add zarr's own ``crc32c`` codec where the store has none (then whole chunks
are read).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, product
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import Codec, FrameGroup
from medcodec.codecs.registry import make_codec
from medcodec.container.proof import decode_checked
from medcodec.errors import FormatError, OptionError, UnsupportedDataError
from medcodec.integrations.extras import missing

try:
    from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
    from zarr.abc.store import RangeByteRequest
    from zarr.registry import register_codec
except ImportError as error:
    raise missing(error, extra="zarr") from error

AnyArray = npt.NDArray[Any]
NAME = "medcodec"
_LENGTH = np.dtype("<u4")


@dataclass(frozen=True)
class MedcodecChunks(ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):
    """Chunks coded by one of medcodec's codecs.

    Parameters
    ----------
    codec
        Its name.
    options
        Of that codec: ``{"effort": "fastest", "max_error": 2}``.
    box
        Shape of the boxes within a chunk, one size per axis, or one for all; None for whole chunks.

    Raises
    ------
    OptionError
        If there is no such codec, it has no such option, or a size is not positive.
    """

    codec: str = "adaptive"
    options: dict[str, Any] = field(default_factory=dict)
    box: int | tuple[int, ...] | None = None

    is_fixed_size = False

    def __post_init__(self) -> None:
        if isinstance(self.box, Sequence):
            object.__setattr__(self, "box", tuple(self.box))
        if self.box is not None and min(np.atleast_1d(self.box)) < 1:
            msg = f"box is {self.box!r}; give positive sizes"
            raise OptionError(msg)
        self.made()

    def __hash__(self) -> int:
        return hash((self.codec, str(sorted(self.options.items())), self.box))

    def made(self) -> Codec:
        """Return the codec of medcodec that codes the boxes."""
        return make_codec(self.codec, **self.options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> MedcodecChunks:
        """Build the codec from zarr's metadata."""
        return cls(**data.get("configuration", {}))

    def to_dict(self) -> dict[str, Any]:
        """Return zarr's metadata: name and configuration."""
        box = list(self.box) if isinstance(self.box, tuple) else self.box
        return {"name": NAME, "configuration": {"codec": self.codec, "options": self.options, "box": box}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Refuse: the size of a coded chunk is not known beforehand."""
        raise NotImplementedError

    def validate(self, *, shape: Any, dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays that cannot be coded.

        Raises
        ------
        UnsupportedDataError
            For dtypes that are not real numbers, and arrays without axes.
        OptionError
            If the box has not as many axes as the array.
        """
        del chunk_grid
        native = dtype.to_native_dtype()
        if native.kind not in "biuf" or not shape:
            msg = f"medcodec codes chunks of real numbers with axes, not {native} of shape {tuple(shape)}"
            raise UnsupportedDataError(msg)
        if isinstance(self.box, tuple) and len(self.box) != len(shape):
            msg = f"box {self.box} must have {len(shape)} sizes, as the array of shape {tuple(shape)} has"
            raise OptionError(msg)

    def _encode_sync(self, chunk_array: Any, chunk_spec: Any) -> Any:
        voxels = _coded_view(np.asarray(chunk_array.as_numpy_array()))
        codec = self.made()
        coded = [codec.encode(FrameGroup(_as_frames(voxels[box]))) for box in self._boxes(voxels.shape)]
        lengths = np.array([len(part) for part in coded], _LENGTH)
        return chunk_spec.prototype.buffer.from_bytes(b"".join([lengths.tobytes(), *coded]))

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        data = chunk_bytes.to_bytes()
        boxes = list(self._boxes(chunk_spec.shape))
        ends = _ends(data[: len(boxes) * _LENGTH.itemsize], len(boxes))
        if ends[-1] != len(data):
            msg = f"a chunk of {len(data)} bytes should have {ends[-1]}; it is damaged, or was not coded so"
            raise FormatError(msg)
        dtype = chunk_spec.dtype.to_native_dtype()
        out = np.empty(chunk_spec.shape, dtype)
        for box, start, end in zip(boxes, ends[:-1], ends[1:], strict=True):
            out[box] = self._decode_box(data[start:end], box, dtype)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(out)

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    async def _decode_partial_single(self, byte_getter: Any, selection: Any, chunk_spec: Any) -> Any:
        boxes = list(self._boxes(chunk_spec.shape))
        selection = selection if isinstance(selection, tuple) else (selection,)
        window = _window(selection, chunk_spec.shape)
        wanted = [number for number, box in enumerate(boxes) if _overlap(box, window)]
        prototype = chunk_spec.prototype
        if len(wanted) == len(boxes):
            whole = await byte_getter.get(prototype=prototype)
            return None if whole is None else (await self._decode_single(whole, chunk_spec))[selection]
        index = RangeByteRequest(0, len(boxes) * _LENGTH.itemsize)
        head = await byte_getter.get(prototype=prototype, byte_range=index)
        if head is None:
            return None
        ends = _ends(head.to_bytes(), len(boxes))
        requests = [RangeByteRequest(ends[number], ends[number + 1]) for number in wanted]
        parts = await asyncio.gather(
            *(byte_getter.get(prototype=prototype, byte_range=request) for request in requests)
        )
        dtype = chunk_spec.dtype.to_native_dtype()

        def decode() -> AnyArray:
            # Untouched boxes are never written, so they cost no memory.
            out = np.empty(chunk_spec.shape, dtype)
            for number, part in zip(wanted, parts, strict=True):
                out[boxes[number]] = self._decode_box(part.to_bytes(), boxes[number], dtype)
            return np.asarray(out[selection])

        return prototype.nd_buffer.from_numpy_array(await asyncio.to_thread(decode))

    def _boxes(self, shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
        box = shape if self.box is None else np.broadcast_to(self.box, len(shape)).tolist()
        cuts = [
            [slice(start, min(start + step, size)) for start in range(0, size, step)]
            for size, step in zip(shape, box, strict=True)
        ]
        return product(*cuts)

    def _decode_box(self, data: bytes, box: tuple[slice, ...], dtype: np.dtype[Any]) -> AnyArray:
        shape = tuple(part.stop - part.start for part in box)
        coded = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
        frames = decode_checked(self.made(), data, _frame_shape(shape), coded)
        return frames.reshape(shape)


def register() -> None:
    """Make zarr know the codec where its entry point is not installed."""
    register_codec(NAME, MedcodecChunks)


def _coded_view(voxels: AnyArray) -> AnyArray:
    if voxels.dtype.kind == "b":
        return voxels.view(np.uint8)
    return voxels.astype(voxels.dtype.newbyteorder("="), copy=False)


def _frame_shape(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    frames, height, width = (1, 1, *shape)[-3:] if len(shape) < 3 else shape[-3:]
    return math.prod(shape[:-3]), frames, height, width


def _as_frames(voxels: AnyArray) -> AnyArray:
    return np.ascontiguousarray(voxels).reshape(_frame_shape(voxels.shape))


def _ends(index: bytes, count: int) -> list[int]:
    """Return where each box begins, and where the last ends."""
    if len(index) != count * _LENGTH.itemsize:
        msg = f"a chunk's index of {len(index)} bytes should have {count * _LENGTH.itemsize}; it is damaged"
        raise FormatError(msg)
    return list(accumulate(np.frombuffer(index, _LENGTH).tolist(), initial=len(index)))


def _window(selection: tuple[Any, ...], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first and the last index that a selection needs along each axis."""
    window = [(0, size - 1) for size in shape]
    for axis, (part, size) in enumerate(zip(selection, shape, strict=False)):
        indices = range(size)[part] if isinstance(part, slice) else np.atleast_1d(np.asarray(part)).ravel()
        if isinstance(indices, np.ndarray) and indices.dtype.kind == "b":
            indices = np.flatnonzero(indices)
        if len(indices):
            window[axis] = int(np.min(indices)), int(np.max(indices))
    return window


def _overlap(box: tuple[slice, ...], window: list[tuple[int, int]]) -> bool:
    return all(
        part.start <= last and first < part.stop for part, (first, last) in zip(box, window, strict=True)
    )
