"""The header of a .medc file: what the volume is and how it was coded, as canonical JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, MedcodecError
from medcodec.volume.frames import MAX_AXES, FrameLayout, Grid

Affine = npt.NDArray[np.float64]
_KEYS = {
    "affine",
    "blobs",
    "codec",
    "dtype",
    "grid",
    "intercept",
    "layout",
    "lossless",
    "sections",
    "shape",
    "slope",
    "source",
}
_DTYPE = re.compile(r"[<|][biufc](1|2|4|8|16)")
_NAMED_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
MAX_HEADER_BYTES = 1 << 22
MAX_GROUPS = 1 << 20


@dataclass(frozen=True)
class CodecIdentity:
    """Which codec wrote a file, with which settings and, where it has one, which model (SHA-256 in hex)."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    model: str | None = None


@dataclass(frozen=True)
class Header:
    """Everything in a file but the coded groups and the source's bytes.

    Parameters
    ----------
    layout, grid
        How the volume became frames (with its shape and dtype), and how these are cut in boxes.
    affine
        Shape ``(4, 4)``, float64: voxel indices to RAS millimetres.
    slope, intercept
        Scaled value = stored value * slope + intercept.
    codec
        The codec's identity.
    lossless
        Whether the decoded voxels are those of the source.
    source_format, source_meta
        See `medcodec.volume.model.SourceRecord`.
    blobs
        Size in bytes of each verbatim blob of the source, in the order in which they are kept.
    """

    layout: FrameLayout
    grid: Grid
    affine: Affine
    slope: float
    intercept: float
    codec: CodecIdentity
    lossless: bool
    source_format: str
    source_meta: dict[str, Any]
    blobs: dict[str, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the volume."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the volume, in native byte order."""
        return self.layout.dtype

    @property
    def voxel_bytes(self) -> int:
        """Bytes that the decoded voxels take."""
        return math.prod(self.shape) * self.dtype.itemsize

    def to_json(self) -> bytes:
        """Return the header as canonical JSON: sorted keys, no white space, ASCII."""
        fields = {
            "affine": _pack_affine(self.affine),
            "blobs": [[name, size] for name, size in self.blobs.items()],
            "codec": {"model": self.codec.model, "name": self.codec.name, "settings": self.codec.settings},
            "dtype": _pack_dtype(self.dtype),
            "grid": [_pack_starts(starts) for starts in self.grid.starts],
            "intercept": _pack_float(self.intercept),
            "layout": self.layout.roles,
            "lossless": self.lossless,
            "sections": [],
            "shape": self.shape,
            "slope": _pack_float(self.slope),
            "source": {"format": self.source_format, "meta": self.source_meta},
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes, *, place: str) -> Header:
        """Parse and check a header.

        Parameters
        ----------
        data
            Canonical JSON.
        place
            Names the file in messages.

        Raises
        ------
        FormatError
            If it is not valid; the text says which field is wrong.
        """
        if len(data) > MAX_HEADER_BYTES:
            msg = f"{place}: the header takes {len(data)} bytes; at most {MAX_HEADER_BYTES} are allowed"
            raise FormatError(msg)
        try:
            fields = json.loads(data.decode("ascii"), parse_constant=_refuse_constant)
            if set(fields) != _KEYS:
                msg = f"its keys are {sorted(fields)}"
                raise ValueError(msg)
            header = _build(fields)
            if header.to_json() != data:
                msg = "it is not canonical"
                raise ValueError(msg)
        except (
            MedcodecError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            msg = f"{place}: the header is not valid ({error})"
            raise FormatError(msg) from error
        return header


def _build(fields: dict[str, Any]) -> Header:
    shape = tuple(_count(size, "shape") for size in fields["shape"])
    if not 1 <= len(shape) <= MAX_AXES or math.prod(max(1, size) for size in shape) >= 1 << 60:
        msg = f"shape is {shape}"
        raise ValueError(msg)
    roles = [tuple(_count(axis, "layout") for axis in role) for role in fields["layout"]]
    layout = FrameLayout(shape, _parse_dtype(fields["dtype"]), *roles)
    starts = [_parse_starts(cut, size) for cut, size in zip(fields["grid"], layout.frame_shape, strict=True)]
    grid = Grid(layout.frame_shape, (starts[0], starts[1], starts[2], starts[3]))
    if len(grid) > MAX_GROUPS:
        msg = f"{len(grid)} groups are more than {MAX_GROUPS}"
        raise ValueError(msg)
    codec, source = fields["codec"], fields["source"]
    if fields["sections"]:
        msg = f"sections {fields['sections']!r:.60} can only be read by a newer medcodec"
        raise ValueError(msg)
    if set(codec) != {"model", "name", "settings"} or set(source) != {"format", "meta"}:
        msg = "codec or source do not have their keys"
        raise ValueError(msg)
    return Header(
        layout=layout,
        grid=grid,
        affine=_parse_affine(fields["affine"]),
        slope=_parse_float(fields["slope"]),
        intercept=_parse_float(fields["intercept"]),
        codec=CodecIdentity(
            _typed(codec["name"], str, "codec name"),
            _typed(codec["settings"], dict, "codec settings"),
            None if codec["model"] is None else _typed(codec["model"], str, "codec model"),
        ),
        lossless=_typed(fields["lossless"], bool, "lossless"),
        source_format=_typed(source["format"], str, "source format"),
        source_meta=_typed(source["meta"], dict, "source meta"),
        blobs=_parse_blobs(fields["blobs"]),
    )


def _refuse_constant(name: str) -> float:
    msg = f"{name} is not a JSON number"
    raise ValueError(msg)


def _typed(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        msg = f"{name} is {value!r:.60}"
        raise TypeError(msg)
    return value


def _count(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 48:
        msg = f"{name} holds {value!r:.60}"
        raise ValueError(msg)
    return value


def _pack_float(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _parse_float(value: Any) -> float:
    if isinstance(value, str):
        return _NAMED_FLOATS[value]
    if type(value) not in {int, float} or not math.isfinite(value):
        msg = f"{value!r:.60} is not a finite number"
        raise ValueError(msg)
    return float(value)


def _pack_affine(affine: Affine) -> dict[str, list[float | str]]:
    # Most affines come from headers with 32-bit floats, which need half of the digits.
    with np.errstate(over="ignore"):
        short = {"f4": [_pack_float(float(str(value))) for value in affine.astype(np.float32).ravel()]}
    if np.array_equal(_parse_affine(short), affine, equal_nan=True):
        return short
    return {"f8": [_pack_float(value) for value in affine.ravel()]}


def _parse_affine(value: dict[str, Any]) -> Affine:
    (kind, numbers), *rest = value.items()
    if rest or kind not in {"f4", "f8"}:
        msg = f"affine is {value!r:.60}"
        raise ValueError(msg)
    with np.errstate(over="ignore"):
        return np.array([_parse_float(number) for number in numbers]).astype(kind).astype("f8").reshape(4, 4)


def _pack_dtype(dtype: np.dtype[Any]) -> Any:
    little = dtype.newbyteorder("<")
    return little.str if dtype.names is None else [[name, little[name].str] for name in little.names or ()]


def _parse_dtype(value: Any) -> np.dtype[Any]:
    if not isinstance(value, str):
        value = [(_typed(name, str, "dtype"), _typed(kind, str, "dtype")) for name, kind in value]
    for name in [value] if isinstance(value, str) else [kind for _, kind in value]:
        # NumPy's own parser takes far more than names, and fails in more ways.
        if not _DTYPE.fullmatch(name):
            msg = f"dtype is {name!r:.60}"
            raise ValueError(msg)
    dtype: np.dtype[Any] = np.dtype(value)
    native: np.dtype[Any] = dtype.newbyteorder("=")
    return native


def _pack_starts(starts: Sequence[int]) -> int | list[int]:
    return starts.step if isinstance(starts, range) else list(starts)


def _parse_starts(value: Any, size: int) -> Sequence[int]:
    if isinstance(value, int):
        return range(0, size, _count(value, "grid"))
    return tuple(_count(start, "grid") for start in value)


def _parse_blobs(value: Any) -> dict[str, int]:
    blobs = {_typed(name, str, "blobs"): _count(size, "blobs") for name, size in value}
    if len(blobs) != len(value):
        msg = "two blobs have one name"
        raise ValueError(msg)
    return blobs
