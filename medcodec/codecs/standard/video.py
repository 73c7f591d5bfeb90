"""What the video codecs share: padding, and PyAV's encoders and decoders in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.codecs.standard.base import Shape, StandardCodec, check_choice, check_range, flat
from medcodec.codecs.standard.needs import load
from medcodec.errors import FormatError

GREY_FORMATS = {8: "gray", 10: "gray10le", 12: "gray12le"}
_RATE = 25
# Encoders refuse pictures of fewer samples than a coding block or two.
_LEAST_SIDE = 64
_SIDE_STEP = 8


class VideoCodec(StandardCodec):
    """All frames of a group as one video, sequence after sequence."""

    box_frames: ClassVar[int] = 64
    decoder: ClassVar[str]
    intra_period: int = 0

    @property
    def period(self) -> int:
        """The distance of key frames as encoders take it: -1 for one in all."""
        return self.intra_period or -1

    def check_video(self) -> None:
        """Raise `OptionError` unless the settings that video codecs share are in their ranges."""
        check_range(self.name, "intra_period", self.intra_period, 0, 1 << 16)
        check_choice(self.name, "bits", getattr(self, "bits", self.depths[0]), self.depths)

    def _encode_samples(self, samples: AnyArray, bits: int) -> list[bytes]:
        return [self._encode_video(pad(flat(samples)), bits)]

    def _decode_samples(self, streams: list[bytes], shape: Shape, bits: int) -> AnyArray:
        if len(streams) != 1:
            msg = f"codec {self.name!r}: {len(streams)} streams instead of one"
            raise FormatError(msg)
        count, (height, width) = shape[0] * shape[1], padded(shape[2], shape[3])
        video = decode_video(self.decoder, streams[0], (count, height, width), bits)
        return video[:, : shape[2], : shape[3]].reshape(shape)

    def _stream_bytes(self, streams: list[bytes], count: int) -> list[int] | None:
        return frame_bytes(self.decoder, self._packets(streams[0]), count) if len(streams) == 1 else None

    def _packets(self, stream: bytes) -> list[bytes]:
        """Return the parts of a stream that give one frame each."""
        context = load("av").CodecContext.create(self.decoder, "r")
        return [bytes(packet) for packet in [*context.parse(stream), *context.parse(b"")]]

    @abstractmethod
    def _encode_video(self, video: AnyArray, bits: int) -> bytes:
        """Return the stream of a video, shape ``(frames, height, width)``."""


def padded(height: int, width: int) -> tuple[int, int]:
    """Return the size of the padded pictures: multiples of 8, of 64 at least."""
    tall, wide = (max(_LEAST_SIDE, -(-size // _SIDE_STEP) * _SIDE_STEP) for size in (height, width))
    return tall, wide


def pad(video: AnyArray) -> AnyArray:
    """Return a video with its pictures padded by their last rows and columns."""
    height, width = video.shape[1:]
    tall, wide = padded(height, width)
    return np.pad(video, ((0, 0), (0, tall - height), (0, wide - width)), mode="edge")


def encode_with_av(
    encoder: str, video: AnyArray, *, pixel_format: str, options: dict[str, str], chroma: int | None = None
) -> bytes:
    """Return a video coded by an encoder of PyAV.

    Parameters
    ----------
    encoder
        Name of the encoder.
    video
        Shape ``(frames, height, width)``, uint8 or uint16.
    pixel_format
        Grey, or 4:2:0 with ``chroma`` as the value of all chroma samples.
    options
        Of the encoder.
    chroma
        Needed where the format has chroma.
    """
    av = load("av")
    context = av.CodecContext.create(encoder, "w")
    context.height, context.width = video.shape[1:]
    context.pix_fmt = pixel_format
    context.time_base, context.framerate = Fraction(1, _RATE), Fraction(_RATE, 1)
    context.thread_count = 1
    context.options = options
    parts: list[bytes] = []
    for number, picture in enumerate(video):
        frame = _frame(av, picture, pixel_format, chroma)
        frame.pts = number
        parts += [bytes(packet) for packet in context.encode(frame)]
    parts += [bytes(packet) for packet in context.encode(None)]
    return b"".join(parts)


def _frame(av: Any, picture: AnyArray, pixel_format: str, chroma: int | None) -> Any:
    frame = av.VideoFrame(picture.shape[1], picture.shape[0], pixel_format)
    for number, plane in enumerate(frame.planes):
        rows = np.zeros((plane.height, plane.line_size // picture.itemsize), picture.dtype)
        rows[:, : plane.width] = picture if number == 0 else chroma
        plane.update(rows.tobytes())
    return frame


def decode_video(decoder: str, stream: bytes, shape: tuple[int, int, int], bits: int) -> AnyArray:
    """Return the luma of a coded video, shape ``(frames, height, width)``, decoded by PyAV.

    Raises
    ------
    FormatError
        If it is not a video of that shape and depth; memory and time stay bounded.
    """
    av = load("av")
    context = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    # A stream may claim any size: the decoder is told how many samples there can be.
    context.options = {"max_pixels": str(max(1 << 14, (shape[1] + 128) * (shape[2] + 128)))}
    video = np.empty(shape, np.uint8 if bits <= 8 else np.uint16)
    count = 0
    try:
        for frame in _frames(context, stream):
            if count == shape[0]:
                count += 1
                break
            video[count] = _luma(frame, shape, bits)
            count += 1
    except (av.error.FFmpegError, EOFError, ValueError) as error:
        msg = f"the {decoder} stream is damaged at frame {count} ({error})"
        raise FormatError(msg) from error
    if count != shape[0]:
        msg = f"the {decoder} stream does not hold {shape[0]} frames"
        raise FormatError(msg)
    return video


def frame_bytes(decoder: str, parts: list[bytes], count: int) -> list[int] | None:
    """Return the bytes of each frame's packet, in the order of the frames; None if that cannot be told.

    Raises
    ------
    FormatError
        If the packets cannot be decoded.
    """
    av = load("av")
    context = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    packets = [av.Packet(part) for part in parts]
    for number, packet in enumerate(packets):
        packet.pts = packet.dts = number
    try:
        numbers = [frame.pts for packet in [*packets, None] for frame in context.decode(packet)]
    except (av.error.FFmpegError, EOFError, ValueError) as error:
        msg = f"the {decoder} stream is damaged ({error})"
        raise FormatError(msg) from error
    # Frames come in their own order and carry the number of their packet.
    if len(parts) != count or sorted(numbers) != list(range(count)):
        return None
    return [len(parts[number]) for number in numbers]


def _frames(context: Any, stream: bytes) -> Iterator[Any]:
    for packet in [*context.parse(stream), *context.parse(b"")]:
        yield from context.decode(packet)
    yield from context.decode(None)


def _luma(frame: Any, shape: tuple[int, int, int], bits: int) -> AnyArray:
    depth = frame.format.components[0].bits
    planes = frame.format.name.startswith(("gray", "yuv"))
    if (frame.height, frame.width) != shape[1:] or depth != bits or not planes:
        found = f"{frame.format.name} {frame.height}x{frame.width}"
        msg = f"frames are {found} instead of {bits} bits, {shape[1]}x{shape[2]}"
        raise FormatError(msg)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8 if depth <= 8 else np.dtype("<u2"))
    return rows.reshape(-1, plane.line_size // rows.itemsize)[: shape[1], : shape[2]]
