from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

def adaptive_encode(
    levels: npt.NDArray[Any], *, preset: int, max_level: int, max_error: int = 0, path: str = "auto"
) -> bytes: ...
def adaptive_decode(
    data: bytes,
    levels: npt.NDArray[Any],
    *,
    preset: int,
    max_level: int,
    max_error: int = 0,
    path: str = "auto",
) -> bool: ...
def adaptive_has_path(path: str) -> bool: ...
def blocks_encode(
    voxels: npt.NDArray[Any], *, path: str = "auto", by_rows: bool = False, limit: int = 0
) -> bytes: ...
def blocks_decode(data: bytes, out: npt.NDArray[Any], *, start: int = 0, path: str = "auto") -> None: ...
def blocks_decode_many(
    data: bytes, ranges: Sequence[tuple[int, int]], outs: Sequence[npt.NDArray[Any]]
) -> None: ...
def blocks_place(
    data: bytes,
    ranges: Sequence[tuple[int, int]],
    cells: npt.NDArray[np.int64],
    out: npt.NDArray[Any],
) -> list[int]: ...
def records_check(
    data: bytes, starts: Sequence[int], numbers: Sequence[int], lengths: Sequence[int]
) -> list[int] | None: ...
def crc32c(data: bytes) -> int: ...
def crc32c_of_arrays(arrays: Sequence[npt.NDArray[Any]]) -> list[int]: ...
def fast_encode(
    levels: npt.NDArray[Any],
    *,
    max_level: int,
    level_of: npt.NDArray[np.uint16] | None = None,
    path: str = "auto",
) -> bytes: ...
def fast_encode_bounded(
    levels: npt.NDArray[Any],
    *,
    max_level: int,
    max_error: int,
    keeps_background: bool,
    path: str = "auto",
) -> bytes: ...
def fast_decode(
    data: bytes,
    levels: npt.NDArray[Any],
    *,
    max_level: int,
    max_error: int = 0,
    keeps_background: bool = False,
    in_parts: bool = True,
    path: str = "auto",
) -> bool: ...
def fast_has_path(path: str) -> bool: ...
def encode_floats(
    voxels: npt.NDArray[Any],
    sequences: int,
    frames: int,
    height: int,
    width: int,
    *,
    kind: int,
    bits: int,
    shift: int,
    scale: float,
    frequent: Any,
    repeats: bool,
    present: Any,
    path: str = "auto",
) -> tuple[bytes, bytes]: ...
def decode_floats(
    voxels: npt.NDArray[Any],
    data: bytes,
    start: int,
    coded: int,
    sequences: int,
    frames: int,
    height: int,
    width: int,
    *,
    kind: int,
    bits: int,
    shift: int,
    scale: float,
    frequent: Any,
    repeats: bool,
    table: Any,
    path: str = "auto",
) -> Any: ...
def labels_encode(levels: npt.NDArray[Any], *, quick: bool = False) -> bytes: ...
def labels_decode(data: bytes, shape: tuple[int, int, int, int]) -> npt.NDArray[Any]: ...

class Network:
    def __init__(
        self,
        layers: tuple[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], int, int, int], ...],
        *,
        input_low: int,
        input_high: int,
        path: str = "auto",
    ) -> None: ...
    def run(self, planes: npt.NDArray[Any], out: npt.NDArray[Any], *, skip: bool = True) -> bool: ...

def network_has_path(path: str) -> bool: ...
def motion_warp(
    frame: npt.NDArray[Any],
    vectors: npt.NDArray[Any],
    out: npt.NDArray[Any],
    *,
    spacing: int,
    scale: int,
    low: int,
    high: int,
    path: str = "auto",
) -> None: ...
def motion_encode(vectors: npt.NDArray[Any]) -> bytes: ...
def motion_decode(data: bytes, vectors: npt.NDArray[Any]) -> str: ...
def motion_estimate(
    target: npt.NDArray[Any],
    previous: npt.NDArray[Any] | None,
    following: npt.NDArray[Any] | None,
    *,
    spacings: list[int],
    penalty: int,
    back_scale: int,
    ahead_scale: int,
    effort: int,
    modes: int,
) -> tuple[int, int, bytes, int, int]: ...
def motion_has_path(path: str) -> bool: ...
def block_motion_compensate(
    previous: npt.NDArray[Any],
    following: npt.NDArray[Any] | None,
    units: npt.NDArray[Any],
    first: npt.NDArray[Any],
    second: npt.NDArray[Any] | None,
    *,
    unit: int,
) -> None: ...

class BlockContexts:
    def __init__(self) -> None: ...
    def copy(self) -> BlockContexts: ...

def block_motion_encode(
    units: npt.NDArray[Any], contexts: BlockContexts, *, unit: int, both: bool
) -> bytes: ...
def block_motion_decode(
    data: bytes, units: npt.NDArray[Any], contexts: BlockContexts | None, *, unit: int, both: bool
) -> str: ...
def block_motion_estimate(
    target: npt.NDArray[Any],
    previous: npt.NDArray[Any],
    following: npt.NDArray[Any] | None,
    units: npt.NDArray[Any],
    *,
    unit: int,
    penalty: int,
    reach: int,
) -> None: ...
def lift_forward(plane: npt.NDArray[Any], *, levels: int, reversible: bool) -> None: ...
def lift_inverse(plane: npt.NDArray[Any], *, levels: int, reversible: bool, skip: int = 0) -> None: ...
def lift_transposed(plane: npt.NDArray[Any]) -> None: ...

FUSE_FEATURES: int
ENHANCE_FEATURES: tuple[int, int]
POSTFILTER_FEATURES: int

def fuse_features(
    first: npt.NDArray[Any], second: npt.NDArray[Any], out: npt.NDArray[Any], *, step: int
) -> None: ...
def enhance_features(
    picture: npt.NDArray[Any], prediction: npt.NDArray[Any], out: npt.NDArray[Any], *, step: int
) -> None: ...
def postfilter_features(
    picture: npt.NDArray[Any],
    previous: npt.NDArray[Any] | None,
    following: npt.NDArray[Any] | None,
    out: npt.NDArray[Any],
    *,
    step: int,
) -> None: ...
def add_correction(
    base: npt.NDArray[Any], correction: npt.NDArray[Any], out: npt.NDArray[Any], *, step: int, top: int
) -> None: ...

SUBBAND_FEATURES: tuple[int, int]
SUBBAND_HEADS: int
SUBBAND_PHASES: tuple[tuple[int, int], ...]
SUBBAND_LARGEST_WEIGHT: int
TRELLIS_STATES: tuple[int, int]

def half_steps(levels: npt.NDArray[Any], states: int, turned: bool, out: npt.NDArray[Any]) -> None: ...

class SubbandEncoder:
    def __init__(self, *, trained: bool) -> None: ...
    def begin_with(self, counters: npt.NDArray[np.uint32], weights: npt.NDArray[np.int32]) -> None: ...
    def learnt(self) -> tuple[bytes, bytes]: ...
    def begin(
        self,
        levels: npt.NDArray[Any],
        scaled: npt.NDArray[Any],
        *,
        orientation: int,
        level: int,
        layer: int,
        states: int,
        parent: npt.NDArray[Any] | None,
        sibling_a: npt.NDArray[Any] | None,
        sibling_b: npt.NDArray[Any] | None,
        near_a: npt.NDArray[Any] | None,
        near_b: npt.NDArray[Any] | None,
        predicted: npt.NDArray[Any] | None,
        predicted_parent: npt.NDArray[Any] | None,
    ) -> bool: ...
    def features(self, step: int, out: npt.NDArray[Any]) -> None: ...
    def step(self, step: int, logits: npt.NDArray[Any] | None, *, lambda_: int) -> None: ...
    def flush(self) -> bytes: ...

class SubbandDecoder:
    def __init__(self, *, trained: bool) -> None: ...
    def begin_with(self, counters: npt.NDArray[np.uint32], weights: npt.NDArray[np.int32]) -> None: ...
    def feed(self, data: bytes) -> None: ...
    def begin(
        self,
        levels: npt.NDArray[Any],
        *,
        orientation: int,
        level: int,
        layer: int,
        states: int,
        parent: npt.NDArray[Any] | None,
        sibling_a: npt.NDArray[Any] | None,
        sibling_b: npt.NDArray[Any] | None,
        near_a: npt.NDArray[Any] | None,
        near_b: npt.NDArray[Any] | None,
        predicted: npt.NDArray[Any] | None,
        predicted_parent: npt.NDArray[Any] | None,
    ) -> bool: ...
    def features(self, step: int, out: npt.NDArray[Any]) -> None: ...
    def step(self, step: int, logits: npt.NDArray[Any] | None) -> None: ...
    def plausible(self) -> bool: ...

def mapping_mark(values: npt.NDArray[Any], low: int, seen: npt.NDArray[Any]) -> None: ...
def mapping_edge_sums(before: npt.NDArray[Any], after: npt.NDArray[Any], sums: npt.NDArray[Any]) -> None: ...
def mapping_smallest_step(values: npt.NDArray[Any]) -> tuple[float, float]: ...
def mapping_lattice(
    frames: npt.NDArray[Any],
    *,
    slopes: npt.NDArray[Any],
    intercept: float,
    quotient: bool,
    limit: float,
    indices: npt.NDArray[Any],
    missed: npt.NDArray[Any],
) -> None: ...
