"""Video as planes of Y, U and V: ``.y4m``, ``.yuv`` (both gzipped too), and whatever FFmpeg reads."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medcodec.errors import FormatError, MissingDependencyError, OptionError
from medcodec.volume.guard import guarded

Plane = npt.NDArray[Any]
_CHROMA = {"400": None, "420": (2, 2), "422": (1, 2), "444": (1, 1)}
_NAMED_SIZE = re.compile(r"_(\d{1,5})x(\d{1,5})(?:[_.]|$)")
_NAMED_BITS = re.compile(r"(?:^|[_.])(\d{1,2})[-_]?bit", re.IGNORECASE)
_NAMED_CHROMA = re.compile(r"(?:^|[_.p])(400|420|422|444)(?:[_.p]|$)")
_Y4M_MAGIC = b"YUV4MPEG2"
_MAX_HEADER = 4096


@dataclass(frozen=True)
class VideoFormat:
    """What a raw frame looks like.

    Parameters
    ----------
    width, height
        Of the luma plane.
    chroma
        "400" (grey), "420", "422" or "444".
    bits
        Bits of a sample, 8 to 16; samples of more than 8 take two bytes, little-endian.
    """

    width: int
    height: int
    chroma: str = "420"
    bits: int = 8

    def __post_init__(self) -> None:
        if self.chroma not in _CHROMA or not 8 <= self.bits <= 16 or min(self.width, self.height) < 1:
            what = f"{self.width}x{self.height}, chroma {self.chroma}, {self.bits} bits"
            msg = f"video of {what} cannot be read; chroma is 400, 420, 422 or 444, and bits are 8 to 16"
            raise OptionError(msg)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of a sample."""
        return np.dtype("u1" if self.bits == 8 else "<u2")

    @property
    def plane_shapes(self) -> list[tuple[int, int]]:
        """Height and width of each plane."""
        cut = _CHROMA[self.chroma]
        luma = (self.height, self.width)
        if cut is None:
            return [luma]
        small = (-(-self.height // cut[0]), -(-self.width // cut[1]))
        return [luma, small, small]

    @property
    def frame_bytes(self) -> int:
        """Size of a frame in a raw file."""
        return sum(math.prod(shape) for shape in self.plane_shapes) * self.dtype.itemsize


@dataclass(frozen=True)
class Video:
    """A video, or its first frames.

    Parameters
    ----------
    planes
        Y, or Y, U and V: each of shape ``(frames, height, width)``, ``uint8`` or ``uint16``.
    format
        Size, chroma and depth.
    full_range
        Whether samples use all values, as the file says; None where it does not.
    """

    planes: tuple[Plane, ...]
    format: VideoFormat
    full_range: bool | None = None

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.planes[0].shape[0])


def format_from_name(name: str) -> VideoFormat | None:
    """Return the format that a file's name tells, as in ``BasketballDrive_1920x1080_50.yuv``; else None.

    Depth is taken from ``10bit`` or ``10-bit``, chroma from ``422`` or ``p444``; 8 bits and 4:2:0 otherwise.
    """
    size = _NAMED_SIZE.search(name)
    if not size:
        return None
    bits, chroma = _NAMED_BITS.search(name), _NAMED_CHROMA.search(name.replace(size[0], "_"))
    return VideoFormat(
        int(size[1]), int(size[2]), chroma[1] if chroma else "420", int(bits[1]) if bits else 8
    )


def parse_format(text: str) -> VideoFormat:
    """Return the format that ``WIDTHxHEIGHT[_BITSbit][_CHROMA]`` names, as in ``1920x1080_10bit_422``.

    Raises
    ------
    OptionError
        If it names none.
    """
    form = format_from_name(f"_{text}")
    if form is None:
        msg = f"video format {text!r} is not known; write 416x240, 1920x1080_10bit or 1920x1080_10bit_422"
        raise OptionError(msg)
    return form


def read_video(
    path: str | Path, *, frames: int | None = None, raw_format: VideoFormat | None = None
) -> Video:
    """Return the first frames of a video.

    Parameters
    ----------
    path
        ``.y4m`` or ``.yuv`` (each may be gzipped), or any file that FFmpeg reads (needs PyAV).
    frames
        How many; by default all.
    raw_format
        Of a ``.yuv`` file; by default what its name tells.

    Raises
    ------
    FormatError
        If the file is damaged, or has fewer frames than asked for.
    OptionError
        If a ``.yuv`` file's format is neither given nor told by its name.
    MissingDependencyError
        If PyAV is needed and missing.
    """
    path = Path(path)
    plain = path.name.lower().removesuffix(".gz")
    with guarded(str(path), "read the video"):
        if plain.endswith((".y4m", ".yuv")):
            opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
            with opener(path, "rb") as file:
                read = _read_y4m if plain.endswith(".y4m") else _read_raw
                video = read(file, path, frames, raw_format)
        else:
            video = _read_ffmpeg(path, frames)
    if frames is not None and video.frames < frames:
        msg = f"{path}: has {video.frames} frames where {frames} are asked for; "
        msg += "ask for fewer, or get the whole file"
        raise FormatError(msg)
    return video


def _read_y4m(file: BinaryIO, path: Path, frames: int | None, raw_format: VideoFormat | None) -> Video:
    del raw_format
    words = _line(file, path).split()
    if not words or words[0] != _Y4M_MAGIC:
        msg = f"{path}: does not start with YUV4MPEG2; it is not a .y4m file"
        raise FormatError(msg)
    tags = {word[:1].decode("latin-1"): word[1:].decode("latin-1") for word in words[1:] if word[:1] != b"X"}
    colour = tags.get("C", "420")
    depth = re.search(r"p(\d+)$", colour)
    chroma = "400" if colour.startswith("mono") else colour[:3]
    bits = int(depth[1]) if depth else int(colour[4:] or 8) if colour.startswith("mono") else 8
    form = VideoFormat(int(tags.get("W", 0)), int(tags.get("H", 0)), chroma, bits)
    stated = [word for word in words if word.startswith(b"XCOLORRANGE=")]
    full = stated[0].endswith(b"FULL") if stated else None

    def payloads() -> Iterator[bytes]:
        while line := file.readline(_MAX_HEADER):
            if not line.startswith(b"FRAME"):
                msg = f"{path}: a frame starts with {line[:8]!r} instead of FRAME; the file is damaged"
                raise FormatError(msg)
            yield file.read(form.frame_bytes)

    return _collect(payloads(), form, path, frames, full)


def _read_raw(file: BinaryIO, path: Path, frames: int | None, raw_format: VideoFormat | None) -> Video:
    form = raw_format or format_from_name(path.name)
    if form is None:
        msg = f"{path}: the name does not tell the frame size as in name_416x240_50.yuv; rename it, or give "
        msg += "the size (evaluate: --yuv 416x240; a description: yuv; Python: raw_format)"
        raise OptionError(msg)

    def payloads() -> Iterator[bytes]:
        while data := file.read(form.frame_bytes):
            yield data

    return _collect(payloads(), form, path, frames, None)


def _read_ffmpeg(path: Path, frames: int | None) -> Video:
    try:
        import av  # noqa: PLC0415 (an extra)
    except ImportError as error:
        msg = f"{path}: reading this kind of video needs PyAV; install medcodec[video], or convert it to .y4m"
        raise MissingDependencyError(msg) from error
    with av.open(str(path)) as container:
        if not container.streams.video:
            msg = f"{path}: holds no video"
            raise FormatError(msg)
        context = container.streams.video[0].codec_context
        form, pixels = _ffmpeg_format(context, path)
        full = True if "yuvj" in str(context.pix_fmt) else None

        def payloads() -> Iterator[bytes]:
            for frame in container.decode(video=0):
                packed = frame if frame.format.name == pixels else frame.reformat(format=pixels)
                yield b"".join(
                    _tight(plane, shape, form)
                    for plane, shape in zip(packed.planes, form.plane_shapes, strict=True)
                )

        return _collect(payloads(), form, path, frames, full)


def _ffmpeg_format(context: Any, path: Path) -> tuple[VideoFormat, str]:
    name = context.pix_fmt
    if name is None:
        msg = f"{path}: does not tell what its frames are; the file may be cut short"
        raise FormatError(msg)
    found = re.fullmatch(r"yuvj?(420|422|444)p(\d+)?(?:le)?|gray(\d+)?(?:le)?", name)
    if not found:
        msg = f"{path}: frames of {name} are not read as they are; convert the file to .y4m in YUV or grey"
        raise FormatError(msg)
    bits = int(found[2] or found[3] or 8)
    form = VideoFormat(context.width, context.height, found[1] or "400", bits)
    return form, name


def _tight(plane: Any, shape: tuple[int, int], form: VideoFormat) -> bytes:
    # FFmpeg pads the rows of a plane.
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: shape[0], : shape[1] * form.dtype.itemsize].tobytes()


def _line(file: BinaryIO, path: Path) -> bytes:
    line = file.readline(_MAX_HEADER)
    if not line.endswith(b"\n"):
        msg = f"{path}: the first line does not end within {_MAX_HEADER} bytes; it is not a .y4m file"
        raise FormatError(msg)
    return line


def _collect(
    payloads: Iterator[bytes], form: VideoFormat, path: Path, frames: int | None, full: bool | None
) -> Video:
    kept: list[list[Plane]] = []
    for number, data in enumerate(payloads):
        if len(data) != form.frame_bytes:
            msg = (
                f"{path}: frame {number} has {len(data)} of {form.frame_bytes} bytes; the file is cut short, "
            )
            msg += "or its size, chroma or depth are others"
            raise FormatError(msg)
        kept.append(_split(data, form))
        if frames is not None and len(kept) >= frames:
            break
    if not kept:
        msg = f"{path}: holds no frames"
        raise FormatError(msg)
    planes = tuple(np.stack(plane) for plane in zip(*kept, strict=True))
    return Video(planes, form, full)


def _split(data: bytes, form: VideoFormat) -> list[Plane]:
    planes, at = [], 0
    for shape in form.plane_shapes:
        count = math.prod(shape)
        plane = np.frombuffer(data, form.dtype, count, at).reshape(shape)
        planes.append(plane.astype(plane.dtype.newbyteorder("="), copy=False))
        at += count * form.dtype.itemsize
    return planes
