"""True floats and integers too wide for levels: prediction in the float domain, exact to the last bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.adaptive.mapping_bytes import ByteReader, signed_bytes, unsigned_bytes
from medcodec.codecs.adaptive.mapping_forms import MANTISSA_BITS, common_zeros, frequent_words
from medcodec.codecs.base import AnyArray
from medcodec.errors import FormatError

_KINDS = {"u": 0, "i": 1, "f": 2}
_MOST_FREQUENT = 11
_SHARE = 512
_REPEAT_SHARE = 64
_TABLE_SHARE = 0.7
_SCALE_LIMIT = 1000


def encode_floats(voxels: AnyArray, *, path: str = "auto") -> bytes:
    """Return coded voxels, shape ``(sequences, frames, height, width)``; the same bytes everywhere.

    Parameters
    ----------
    voxels
        int32, uint32, int64, uint64, float16, float32 or float64 in native byte order.
    path
        Instruction set: "auto", "baseline" or "avx2"; all give the same bytes.
    """
    words = np.ascontiguousarray(voxels).view(f"u{voxels.dtype.itemsize}")
    settings, present = _choose_settings(voxels, words)
    coded: bytes
    raw: bytes
    coded, raw = _native.encode_floats(
        words.reshape(-1).view(np.uint8),
        *voxels.shape,
        kind=_KINDS[voxels.dtype.kind],
        bits=8 * voxels.dtype.itemsize,
        present=present,
        path=path,
        **settings,
    )
    return _settings_bytes(settings) + unsigned_bytes(len(present)) + unsigned_bytes(len(coded)) + coded + raw


def decode_floats(
    data: bytes,
    shape: tuple[int, int, int, int],
    dtype: np.dtype[Any],
    *,
    start: int = 0,
    path: str = "auto",
) -> AnyArray:
    """Return the voxels that `encode_floats` coded; their bytes begin at byte ``start`` of ``data``.

    Raises
    ------
    FormatError
        If ``data`` is not a valid coding of voxels of this shape and dtype.
    """
    reader = ByteReader(data)
    reader.take(start)
    settings = _read_settings(reader, dtype)
    table = reader.unsigned()
    if table > math.prod(shape):
        msg = f"float coder: a table of {table} values for {shape} voxels"
        raise FormatError(msg)
    coded = reader.unsigned()
    begin = reader.skip(coded)
    voxels = np.empty(shape, dtype)
    whole = _native.decode_floats(
        voxels.reshape(-1).view(np.uint8),
        data,
        begin,
        coded,
        *shape,
        kind=_KINDS[dtype.kind],
        bits=8 * dtype.itemsize,
        table=table,
        path=path,
        **settings,
    )
    if not whole:
        msg = f"float coder: {len(data)} bytes do not decode to {shape} {dtype} voxels; the group is damaged"
        raise FormatError(msg)
    return voxels


def _choose_settings(voxels: AnyArray, words: AnyArray) -> tuple[dict[str, Any], npt.NDArray[np.uint64]]:
    """Return what the kernel must know, and the table of distinct words if one pays (else an empty one)."""
    ordered = np.sort(words, axis=None)
    common, number = _frequent(ordered)
    repeated = _count_repeats(words, common)
    settings = {
        "shift": common_zeros(voxels),
        "scale": _typical_exponent(voxels),
        "frequent": [int(word) for word in common],
        "repeats": repeated * _REPEAT_SHARE > words.size,
    }
    # Words that are neither frequent nor, of floats, without a number.
    rare = np.append(ordered[1:] != ordered[:-1], True)
    rare[np.searchsorted(ordered, common, side="right") - 1] = False
    coded = words.size - int(number.sum())
    if voxels.dtype.kind == "f":
        rare &= np.isfinite(ordered.view(voxels.dtype))
        known = np.isfinite(common.view(voxels.dtype))
        coded -= int(np.count_nonzero(~np.isfinite(voxels)) - number[~known].sum())
    if settings["repeats"]:
        coded -= repeated
    pays = np.count_nonzero(rare) < _TABLE_SHARE * coded
    return settings, ordered[rare].astype(np.uint64) if pays else np.zeros(0, np.uint64)


def _frequent(ordered: AnyArray) -> tuple[AnyArray, npt.NDArray[np.int64]]:
    """Return the most frequent of sorted words and how often they are there, frequent ones first."""
    found, number = frequent_words(ordered, _SHARE)
    kept = np.argsort(-number, kind="stable")[:_MOST_FREQUENT]
    return found[kept], number[kept]


def _count_repeats(words: AnyArray, frequent: AnyArray) -> int:
    """Count the voxels that repeat their west, north or previous neighbour, beyond the frequent patterns."""
    repeated = np.zeros(words.shape, bool)
    repeated[..., 1:] |= words[..., 1:] == words[..., :-1]
    repeated[..., 1:, :] |= words[..., 1:, :] == words[..., :-1, :]
    repeated[:, 1:] |= words[:, 1:] == words[:, :-1]
    for word in frequent:
        repeated &= words != word
    return int(np.count_nonzero(repeated))


def _typical_exponent(voxels: AnyArray) -> int:
    """Return the median binary exponent of the finite voxels that are not zero."""
    sample = voxels.reshape(-1)[:: max(1, voxels.size >> 16)]
    sample = sample[np.isfinite(sample)].astype(np.float64)
    exponents = np.frexp(sample[sample != 0])[1]
    return int(np.clip(np.median(exponents), -_SCALE_LIMIT, _SCALE_LIMIT)) if exponents.size else 0


def _settings_bytes(settings: dict[str, Any]) -> bytes:
    frequent: list[int] = settings["frequent"]
    head = bytes([settings["shift"], settings["repeats"] << 4 | len(frequent)])
    return head + signed_bytes(settings["scale"]) + b"".join(word.to_bytes(8, "little") for word in frequent)


def _read_settings(reader: ByteReader, dtype: np.dtype[Any]) -> dict[str, Any]:
    shift, flags = reader.take(2)
    scale, count = reader.signed(), flags & 15
    limit = MANTISSA_BITS.get(dtype.itemsize, 0) if dtype.kind == "f" else 8 * dtype.itemsize - 1
    valid = dtype.itemsize > 1 and shift <= limit and flags < 32
    if not valid or count > _MOST_FREQUENT or abs(scale) > _SCALE_LIMIT:
        msg = f"float coder: settings out of range for {dtype} voxels"
        raise FormatError(msg)
    frequent = [int.from_bytes(reader.take(8), "little") for _ in range(count)]
    return {"shift": shift, "scale": scale, "frequent": frequent, "repeats": flags > 15}
