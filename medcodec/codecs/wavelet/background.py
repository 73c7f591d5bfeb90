"""Background: voxels of the lowest value, such as padding around a field of view, coded as a mask.

The edge between padding and tissue is no part of the picture, but a transform would spend many bits on it in
each frame. Where voxels of the lowest value lie in solid areas, the mask of them is coded without loss, and
the frames that the transform sees are filled in smoothly there. Decoders put the lowest value back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medcodec.codecs.adaptive.mapping_bytes import ByteReader, unsigned_bytes
from medcodec.codecs.adaptive.streams import decode, encode_lossless
from medcodec.errors import FormatError

Frames = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_MASKED = b"\2"  # where a group without a mask has its version, 1


def filled(frames: Frames, mask: Mask) -> Frames:
    """Return frames with a smooth continuation of what is around in the place of the mask."""
    out: Frames = frames.copy()
    for index in np.ndindex(frames.shape[:2]):
        if mask[index].any():
            smooth = _continued(frames[index].astype(np.float32), (~mask[index]).astype(np.float32))
            out[index][mask[index]] = np.round(smooth[mask[index]]).astype(np.int32)
    return out


def _continued(values: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Fill in values whose weight is 0 from means over ever larger blocks."""
    height, width = values.shape
    if weight.all() or height * width == 1:
        return values
    even = ((0, height % 2), (0, width % 2))
    weights, sums = (_halved(np.pad(plane, even)) for plane in (weight, values * weight))
    known = weights > 0
    means = np.where(known, sums / np.maximum(weights, 1), 0).astype(np.float32)
    coarse = _continued(means, known.astype(np.float32))
    fine = _doubled(_doubled(coarse, 0), 1)[:height, :width]
    return np.where(weight > 0, values, fine).astype(np.float32)


def _halved(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows = plane[0::2] + plane[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def _doubled(plane: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Return a plane of twice the length by linear interpolation."""
    padded = np.pad(np.moveaxis(plane, axis, 0), ((1, 1), (0, 0)), mode="edge")
    middle = 3 * padded[1:-1]
    out = np.empty((2 * len(middle), padded.shape[1]), np.float32)
    out[0::2], out[1::2] = (middle + padded[:-2]) / 4, (middle + padded[2:]) / 4
    return np.moveaxis(out, 0, axis)


def pack_background(mask: Mask, group: bytes) -> bytes:
    """Return a group with the mask of its background before it."""
    coded = encode_lossless(mask.astype(np.uint8), effort="default")
    return _MASKED + unsigned_bytes(len(coded)) + coded + group


def parse_background(data: bytes, shape: tuple[int, int, int, int]) -> tuple[Mask | None, bytes]:
    """Return the mask, shape (sequences, frames, height, width), if there is one, and the group.

    Raises
    ------
    FormatError
        If the mask is cut off or malformed.
    """
    if data[:1] != _MASKED:
        return None, data
    reader = ByteReader(data[1:])
    mask = decode(reader.take(reader.unsigned()), shape, np.dtype(np.uint8))
    if mask.max(initial=0) > 1:
        msg = "the mask of a group's background holds other values than 0 and 1"
        raise FormatError(msg)
    return mask.astype(np.bool_), reader.rest()
