"""AV1: SVT-AV1 through PyAV, or libaom through an ffmpeg that has it; lossy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_choice, check_range
from medcodec.codecs.standard.needs import Need, av_need, ffmpeg_need, require
from medcodec.codecs.standard.payload import parse_varint
from medcodec.codecs.standard.programs import ffmpeg_command, raw_video, run_encoder
from medcodec.codecs.standard.video import GREY_FORMATS, VideoCodec, encode_with_av
from medcodec.errors import FormatError

ENCODERS = ("svt", "aom")
_TEMPORAL_DELIMITER, _HAS_EXTENSION, _HAS_SIZE = 2, 4, 2
_AOM = ffmpeg_need("libaom-av1")
_SVT_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    """Give the calling thread its scheduling back: where it may, SVT-AV1 makes its caller a real-time thread.

    Its later threads would be such too: they starve the machine, and OpenBLAS's, which yield to wait, hang.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


@dataclass(frozen=True)
class Av1Codec(VideoCodec):
    """AV1, one video per group.

    Parameters
    ----------
    crf
        Constant quality, 1 (best) to 63.
    encoder
        "svt" (SVT-AV1: fast; 8 or 10 bits, 4:2:0 with flat chroma) or "aom" (libaom: smaller; grey, 8, 10 or
        12 bits).
    speed
        SVT's preset (0 to 13) or libaom's cpu-used (0 to 8), greater is faster.
    intra_period
        A key frame every so many frames; 0 for one per group.
    bits
        The least number of bits of a sample (8, 10 or 12): more than the voxels have give finer steps.
    intensity
        How voxels are mapped to fewer bits where they must be, see
        `medcodec.codecs.standard.mapping.resolve`.
    """

    crf: int = 30
    encoder: str = "svt"
    speed: int = 4
    intra_period: int = 0
    bits: int = 8
    intensity: str = "auto"

    name: ClassVar[str] = "av1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=False, error_bound=False, max_bits=12, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (av_need("libdav1d:r"),)
    depths: ClassVar[tuple[int, ...]] = (8, 10, 12)
    decoder: ClassVar[str] = "libdav1d"

    def __post_init__(self) -> None:
        check_range(self.name, "crf", self.crf, 1, 63)
        check_choice(self.name, "encoder", self.encoder, ENCODERS)
        check_range(self.name, "speed", self.speed, 0, 13 if self.encoder == "svt" else 8)
        check_choice(self.name, "bits", self.bits, self.depths if self.encoder == "aom" else (8, 10))
        self.check_video()

    @property
    def needs(self) -> tuple[Need, ...]:
        """The chosen encoder, and the decoder."""
        return (_AOM if self.encoder == "aom" else av_need("libsvtav1:w"), *self.decoder_needs)

    @property
    def sample_depths(self) -> tuple[int, ...]:
        """SVT-AV1 has no 12 bits."""
        return tuple(bits for bits in super().sample_depths if self.encoder == "aom" or bits <= 10)

    def with_quality(self, quality: float) -> Av1Codec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, crf=round(between(63, 1, quality)))

    def _encode_video(self, video: AnyArray, bits: int) -> bytes:
        require(self.name, self.needs)
        return self._encode_aom(video, bits) if self.encoder == "aom" else self._encode_svt(video, bits)

    def _packets(self, stream: bytes) -> list[bytes]:
        return temporal_units(stream)

    def _encode_svt(self, video: AnyArray, bits: int) -> bytes:
        # SVT-AV1 tells of itself on standard error, unless its environment says errors only.
        os.environ.setdefault("SVT_LOG", "1")
        options = {
            "preset": str(self.speed),
            "crf": str(self.crf),
            # PSNR tuning; one logical processor, so that the same bytes come out everywhere.
            "svtav1-params": f"tune=1:lp=1:scd=0:keyint={self.period}",
        }
        form = _SVT_FORMATS[bits]
        with _scheduling_kept():
            return encode_with_av(
                "libsvtav1", video, pixel_format=form, options=options, chroma=1 << (bits - 1)
            )

    def _encode_aom(self, video: AnyArray, bits: int) -> bytes:
        program = _AOM.path() or "ffmpeg"
        size = f"{video.shape[2]}x{video.shape[1]}"
        period = self.intra_period or len(video) + 1

        def command(source: Path, target: Path) -> list[str]:
            line = ffmpeg_command(program, source, pixel_format=GREY_FORMATS[bits], size=size)
            line += ["-c:v", "libaom-av1", "-cpu-used", str(self.speed), "-crf", str(self.crf), "-b:v", "0"]
            line += ["-g", str(period), "-threads", "1", "-row-mt", "0", "-f", "obu", str(target)]
            return line

        return run_encoder(self.name, raw_video(video, bits, chroma=False), command, samples=video.size)


def temporal_units(stream: bytes) -> list[bytes]:
    """Return the temporal units of a stream of OBUs with sizes: each shows one frame.

    Raises
    ------
    FormatError
        If the stream is not made of such OBUs.
    """
    starts, at = [], 0
    while at < len(stream):
        head = stream[at]
        if head & 0x80 or not head & _HAS_SIZE:
            msg = f"the AV1 stream has no OBU with a size at byte {at}"
            raise FormatError(msg)
        if head >> 3 == _TEMPORAL_DELIMITER:
            starts.append(at)
        size, at = parse_varint(stream, at + (2 if head & _HAS_EXTENSION else 1))
        at += size
    return [stream[a:b] for a, b in zip(starts, [*starts[1:], len(stream)], strict=True)]
