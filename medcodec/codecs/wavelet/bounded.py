"""Corrections that keep every voxel within an error bound: sparse, coded as one more subband.

A voxel whose reconstruction is off by more than N stored units is moved by multiples of somewhat more than
N: most errors beyond the bound are just beyond it, so that little is left of them. What is expected of a
correction depends on the reconstruction around it, in integers: errors are large at edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.model import STEPS
from medcodec.errors import IntegrityError

Stored = npt.NDArray[np.int64]


def corrections(wanted: Stored, decoded: Stored, max_error: int) -> npt.NDArray[np.int32]:
    """Return the least moves of each voxel that bring it to within the bound."""
    error, move = wanted - decoded, _move(max_error, whole_cells=False)
    beyond = np.maximum(np.abs(error) - max_error, 0)
    moves: npt.NDArray[np.int32] = (np.sign(error) * (-(-beyond // move))).astype(np.int32)
    return moves


def corrected(decoded: Stored, moves: npt.NDArray[np.int32], max_error: int, *, whole_cells: bool) -> Stored:
    """Return the voxels moved to within the bound; ``whole_cells`` is for moves of the first files."""
    return decoded + moves.astype(np.int64) * _move(max_error, whole_cells=whole_cells)


def _move(max_error: int, *, whole_cells: bool) -> int:
    return 2 * max_error + 1 if whole_cells else max_error + 1 + max_error // 4


def encode_corrections(moves: npt.NDArray[np.int32], decoded: Stored, max_error: int) -> bytes:
    """Return the bytes of the corrections, shape (sequences, frames, height, width)."""
    coder = _native.SubbandEncoder(trained=False)
    for index in np.ndindex(moves.shape[:2]):
        plane = np.ascontiguousarray(moves[index])
        out = np.empty_like(plane)
        if coder.begin(out, plane * 64, **_surroundings(decoded[index], max_error)):
            for step in range(STEPS):
                coder.step(step, None, lambda_=0)
    data: bytes = coder.flush()
    return data


def decode_corrections(data: bytes, decoded: Stored, max_error: int) -> npt.NDArray[np.int32]:
    """Return the corrections that `encode_corrections` coded.

    Raises
    ------
    IntegrityError
        If the bytes do not end where the corrections do.
    """
    coder = _native.SubbandDecoder(trained=False)
    coder.feed(data)
    moves = np.zeros(decoded.shape, np.int32)
    for index in np.ndindex(decoded.shape[:2]):
        if coder.begin(moves[index], **_surroundings(decoded[index], max_error)):
            for step in range(STEPS):
                coder.step(step, None)
    if not coder.plausible():
        msg = "the corrections of a group do not end where it does: the data is damaged"
        raise IntegrityError(msg)
    return moves


def _surroundings(decoded: Stored, max_error: int) -> dict[str, Any]:
    """Return the steepness of the reconstruction, in half error bounds, in the place of another frame."""
    steep = np.zeros(decoded.shape, np.int64)
    for axis in (0, 1):
        change = np.abs(np.diff(decoded, axis=axis))
        before, after = [slice(None)] * 2, [slice(None)] * 2
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        steep[tuple(before)] += change
        steep[tuple(after)] += change
    near = np.minimum(steep // (max_error + 1), 1 << 12).astype(np.int32)
    return {
        "orientation": 0,
        "level": 0,
        "layer": 0,
        "states": 0,
        "parent": None,
        "sibling_a": None,
        "sibling_b": None,
        "near_a": near,
        "near_b": None,
        "other_parent_a": None,
        "other_parent_b": None,
        "predicted": None,
        "predicted_parent": None,
    }
