"""VVC (VVenC, through an ffmpeg that has libvvenc, vvencFFapp or vvencapp): lossy, 10 bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_choice, check_range
from medcodec.codecs.standard.needs import FFMPEG, Need, av_need, ffmpeg_need, require
from medcodec.codecs.standard.programs import ffmpeg_command, raw_video, run_encoder
from medcodec.codecs.standard.video import VideoCodec

PRESETS = ("faster", "fast", "medium", "slow", "slower")
_APP = Need("vvencFFapp", FFMPEG, variable="MEDCODEC_VVENC", programs=("vvencFFapp",))
_FFMPEG = ffmpeg_need("libvvenc")
_SIMPLE = Need("vvencapp", FFMPEG, programs=("vvencapp",))
_LOW_DELAY = Need(
    "a low-delay configuration of VVenC",
    "name the file in MEDCODEC_VVENC_LOWDELAY (cfg/experimental of VVenC's sources)",
    variable="MEDCODEC_VVENC_LOWDELAY",
)


@dataclass(frozen=True)
class VvcCodec(VideoCodec):
    """H.266 by VVenC, one video per group.

    The ffmpeg that comes with imageio-ffmpeg takes 4:2:0 only: the chroma is flat and costs a few bytes. A
    `vvencFFapp` on the search path, or named in MEDCODEC_VVENC, codes grey. Without both a `vvencapp` does,
    again in 4:2:0.

    Parameters
    ----------
    qp
        Quantisation parameter, 0 (best) to 63.
    preset
        "faster", "fast", "medium", "slow" or "slower".
    intra_period
        A key frame every so many frames; 0 for one per group.
    low_delay
        Low-delay configuration: vvencFFapp with the configuration file (VVenC's `cfg/experimental` has some)
        that MEDCODEC_VVENC_LOWDELAY names.
    intensity
        How voxels are mapped to 10 bits where they must be, see `medcodec.codecs.standard.mapping.resolve`.
    """

    qp: int = 27
    preset: str = "medium"
    intra_period: int = 0
    low_delay: bool = False
    intensity: str = "auto"

    name: ClassVar[str] = "vvc"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=False, error_bound=False, max_bits=10, floats=False, needs_weights=False
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (av_need("vvc:r"),)
    depths: ClassVar[tuple[int, ...]] = (10,)
    decoder: ClassVar[str] = "vvc"

    def __post_init__(self) -> None:
        check_range(self.name, "qp", self.qp, 0, 63)
        check_choice(self.name, "preset", self.preset, PRESETS)
        self.check_video()

    @property
    def needs(self) -> tuple[Need, ...]:
        """An encoder: vvencFFapp or, except for low delay, ffmpeg or vvencapp; and a decoder."""
        if self.low_delay:
            return (_APP, _LOW_DELAY, *self.decoder_needs)
        encoder = next((need for need in (_APP, _FFMPEG, _SIMPLE) if need.met()), _FFMPEG)
        return (encoder, *self.decoder_needs)

    def with_quality(self, quality: float) -> VvcCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, qp=round(between(63, 0, quality)))

    def _encode_video(self, video: AnyArray, bits: int) -> bytes:
        require(self.name, self.needs)
        if app := _APP.path():
            raw = raw_video(video, bits, chroma=False)
            return run_encoder(
                self.name, raw, lambda a, b: self._app_line(app, a, b, video), samples=video.size
            )
        line = self._ffmpeg_line if _FFMPEG.met() else self._simple_line
        raw = raw_video(video, bits, chroma=True)
        return run_encoder(self.name, raw, lambda a, b: line(a, b, video), samples=video.size)

    def _ffmpeg_line(self, source: Path, target: Path, video: AnyArray) -> list[str]:
        size = f"{video.shape[2]}x{video.shape[1]}"
        line = ffmpeg_command(_FFMPEG.path() or "", source, pixel_format="yuv420p10le", size=size)
        line += ["-c:v", "libvvenc", "-preset", self.preset, "-qpa", "0", "-qp", str(self.qp)]
        # Delimiters, which the wrapper turns on, only cost: six bytes a frame.
        line += ["-vvenc-params", f"intraperiod={self.period}:accessunitdelimiter=0"]
        return [*line, "-threads", "1", "-f", "vvc", str(target)]

    def _simple_line(self, source: Path, target: Path, video: AnyArray) -> list[str]:
        line = [_SIMPLE.path() or "", "--preset", self.preset, "-i", str(source), "-o", str(target)]
        line += ["-s", f"{video.shape[2]}x{video.shape[1]}", "-c", "yuv420_10", "-r", "25"]
        return [*line, "--qpa", "0", "-q", str(self.qp), "-ip", str(self.period), "-t", "1"]

    def _app_line(self, app: str, source: Path, target: Path, video: AnyArray) -> list[str]:
        line = [app, "--preset", self.preset]
        line += ["-c", _LOW_DELAY.path() or ""] if self.low_delay else []
        line += ["-i", str(source), "-b", str(target), "-s", f"{video.shape[2]}x{video.shape[1]}"]
        line += ["--InputChromaFormat", "400", "--InputBitDepth", "10", "--InternalBitDepth", "10"]
        line += ["--qpa", "0", "-q", str(self.qp), "-ip", str(self.period), "--threads", "1"]
        return line
