from typing import Any

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
def blocks_encode(voxels: npt.NDArray[Any], *, path: str = "auto") -> bytes: ...
def blocks_decode(data: bytes, out: npt.NDArray[Any], *, path: str = "auto") -> None: ...
def fast_encode(levels: npt.NDArray[Any], *, max_level: int, path: str = "auto") -> bytes: ...
def fast_decode(data: bytes, levels: npt.NDArray[Any], *, max_level: int, path: str = "auto") -> bool: ...
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
    coded: bytes,
    raw: bytes,
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
def labels_encode(levels: npt.NDArray[Any]) -> bytes: ...
def labels_decode(data: bytes, shape: tuple[int, int, int, int]) -> npt.NDArray[Any]: ...
def mapping_mark(values: npt.NDArray[Any], low: int, seen: npt.NDArray[Any]) -> None: ...
def mapping_edge_sums(before: npt.NDArray[Any], after: npt.NDArray[Any], sums: npt.NDArray[Any]) -> None: ...
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
