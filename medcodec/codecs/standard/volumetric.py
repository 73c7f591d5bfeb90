"""Codecs of scientific arrays, from imagecodecs: a group is one block of floats in three dimensions.

Their decoders end the process on bytes that they did not write, so they run in a process of their own.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.codecs.standard.base import Shape, StandardCodec
from medcodec.codecs.standard.mapping import limits_of
from medcodec.codecs.standard.payload import Payload
from medcodec.errors import FormatError, IntegrityError, UnsupportedDataError

# The middle of the values, and the shape of the block: SZ3 takes any shape for its own.
_HEAD = struct.Struct("<d3I")
_LARGEST = {4: 1 << 23, 8: 1 << 52}
_LEAST_SECONDS, _SECONDS_PER_VOXEL = 60, 1e-5
# Whole-number voxels are exact if no error reaches a half.
_EXACT_ERROR = 0.49

_CHILD = """
import sys
sys.path = [path for path in sys.path if path]
import numpy, imagecodecs
name, width, *shape = sys.argv[1:]
shape = tuple(map(int, shape))
data = sys.stdin.buffer.read()
if name == "sz3":
    out = imagecodecs.sz3_decode(data, shape, numpy.dtype("f" + width))
else:
    out = imagecodecs.sperr_decode(data, numthreads=1)
    out = out[: shape[0]] if shape[0] == 1 else out
out = numpy.asarray(out)
if out.shape != shape or out.dtype != numpy.dtype("f" + width):
    sys.exit(f"it holds {out.dtype} {out.shape}")
sys.stdout.buffer.write(out.tobytes())
"""


class VolumetricCodec(StandardCodec):
    """The middle of the values is subtracted, in floats of the least width that holds them exactly."""

    depths: ClassVar[tuple[int, ...]] = (64,)
    box_frames: ClassVar[int] = 64

    def prepare(self, voxels: AnyArray) -> VolumetricCodec:
        """Nothing is mapped."""
        del voxels
        return self

    def note(self, voxels: AnyArray) -> None:
        """Nothing is mapped."""
        del voxels

    def _head_bytes(self) -> int:
        return _HEAD.size

    def _encode_group(self, voxels: AnyArray) -> tuple[bytes, list[bytes]]:
        low, high = limits_of(voxels)
        whole = voxels.dtype.kind != "f"
        if whole and max(abs(low), abs(high)) > _LARGEST[8]:
            msg = f"codec {self.name!r} takes whole numbers up to 2**52; use codec 'adaptive'"
            raise UnsupportedDataError(msg)
        if self.exact and not whole:
            msg = (
                f"codec {self.name!r} does not keep {voxels.dtype} voxels exactly; give a max_error, or use "
            )
            msg += "codec 'adaptive'"
            raise UnsupportedDataError(msg)
        middle = float((low + high) // 2) if whole else 0.0
        block = (voxels.astype(np.float64) - middle).astype(f"f{self._width(voxels.dtype, low, high)}")
        block = block.reshape(as_block(voxels.shape))
        return _HEAD.pack(middle, *block.shape), [self._encode_block(block, low, high)]

    def _width(self, dtype: np.dtype[Any], low: float, high: float) -> int:
        if dtype.kind == "f":
            return max(4, dtype.itemsize)
        return 4 if high - low < _LARGEST[4] else 8

    def _decode_group(self, payload: Payload, shape: Shape, dtype: np.dtype[Any]) -> AnyArray:
        if len(payload.streams) != 1 or not payload.streams[0]:
            msg = f"codec {self.name!r}: {len(payload.streams)} streams instead of one"
            raise FormatError(msg)
        middle, *sizes = _HEAD.unpack(payload.head)
        kind, stream = payload.streams[0][0], payload.streams[0][1:]
        if kind not in (4, 8) or not np.isfinite(middle) or tuple(sizes) != as_block(shape):
            msg = f"codec {self.name!r}: floats of {kind} bytes, middle {middle}, a block of {sizes}"
            raise FormatError(msg)
        values = decode_apart(self.name, stream, as_block(shape), kind).reshape(shape).astype(np.float64)
        if dtype.kind == "f":
            return np.asarray(values.astype(dtype))
        limits = np.iinfo(dtype)
        values = np.rint(values) + middle
        inside = np.clip(values, float(limits.min), min(float(limits.max), float(_LARGEST[8])))
        return np.asarray(np.nan_to_num(inside).astype(dtype))

    def _encode_samples(self, samples: AnyArray, bits: int) -> list[bytes]:
        raise NotImplementedError

    def _decode_samples(self, streams: list[bytes], shape: Shape, bits: int) -> AnyArray:
        raise NotImplementedError

    @abstractmethod
    def _encode_block(self, block: AnyArray, low: float, high: float) -> bytes:
        """Return the stream of a block of floats, the width in bytes before it."""


def bound_of(max_error: float | None) -> float:
    """Return the bound that a coder of floats is given for whole-number voxels to be within theirs."""
    return float(max_error) if max_error else _EXACT_ERROR


def as_block(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape of a group as a block: sequences one after the other."""
    return shape[0] * shape[1], shape[2], shape[3]


def decode_apart(name: str, stream: bytes, shape: tuple[int, int, int], width: int) -> AnyArray:
    """Return the floats of a stream, decoded in a process of its own.

    Raises
    ------
    IntegrityError
        If the decoder fails, crashes, takes too long or returns something else.
    """
    size = shape[0] * shape[1] * shape[2]
    line = [sys.executable, "-c", _CHILD, name, str(width), *map(str, shape)]
    limit = _LEAST_SECONDS + size * _SECONDS_PER_VOXEL
    try:
        done = subprocess.run(line, input=stream, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        msg = f"the {name} stream is damaged: its decoder took more than {limit:.0f} s"
        raise IntegrityError(msg) from error
    if done.returncode != 0 or len(done.stdout) != size * width:
        said = done.stderr.decode(errors="replace").strip()[-200:]
        msg = f"the {name} stream is damaged: its decoder ended with status {done.returncode} ({said})"
        raise IntegrityError(msg)
    return np.frombuffer(done.stdout, f"f{width}").reshape(shape)
