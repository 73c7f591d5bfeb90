"""HEVC (libx265 through PyAV): grey, 8, 10 or 12 bits, lossy or lossless."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_choice, check_range
from medcodec.codecs.standard.needs import Need, av_need
from medcodec.codecs.standard.video import GREY_FORMATS, VideoCodec, encode_with_av

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
LARGEST_BLOCK = 64
TUNES = ("psnr", "ssim", "grain", "zerolatency", "none")


@dataclass(frozen=True)
class HevcCodec(VideoCodec):
    """H.265 by x265, one video per group.

    Parameters
    ----------
    crf
        Constant rate factor, 0 (best) to 51; None is lossless.
    preset
        x265's, "ultrafast" to "placebo".
    tune
        "psnr", "ssim", "grain", "zerolatency" or "none".
    intra_period
        A key frame every so many frames; 0 for one per group.
    low_delay
        No B frames.
    bits
        The least number of bits of a sample (8, 10 or 12): more than the voxels have give finer steps.
    intensity
        How voxels are mapped to 12 bits where they must be, see `medcodec.codecs.standard.mapping.resolve`.
    """

    crf: float | None = None
    preset: str = "medium"
    tune: str = "psnr"
    intra_period: int = 0
    low_delay: bool = False
    bits: int = 8
    intensity: str = "auto"

    name: ClassVar[str] = "hevc"
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=True, error_bound=False, max_bits=12, floats=False, needs_weights=False
    )
    encoder_needs: ClassVar[tuple[Need, ...]] = (av_need("libx265:w"),)
    decoder_needs: ClassVar[tuple[Need, ...]] = (av_need("hevc:r"),)
    depths: ClassVar[tuple[int, ...]] = (8, 10, 12)
    decoder: ClassVar[str] = "hevc"

    def __post_init__(self) -> None:
        check_range(self.name, "crf", self.crf, 0, 51)
        check_choice(self.name, "preset", self.preset, PRESETS)
        check_choice(self.name, "tune", self.tune, TUNES)
        self.check_video()

    @property
    def exact(self) -> bool:
        """Whether the settings are lossless."""
        return self.crf is None

    def with_quality(self, quality: float) -> HevcCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, crf=round(between(51, 0, quality), 2))

    def _encode_video(self, video: AnyArray, bits: int) -> bytes:
        parameters = self._parameters() | self._small_blocks(video.shape[1:])
        joined = ":".join(f"{key}={value}" for key, value in parameters.items())
        options = {"preset": self.preset, "x265-params": joined}
        if self.tune != "none":
            options["tune"] = self.tune
        return encode_with_av("libx265", video, pixel_format=GREY_FORMATS[bits], options=options)

    def _small_blocks(self, size: tuple[int, ...]) -> dict[str, object]:
        """Return what keeps lossless coding of small pictures lossless.

        On pictures one largest block wide or tall x265's reconstruction may drift from what decoders see.
        """
        return {"ctu": 32} if self.crf is None and min(size) <= LARGEST_BLOCK else {}

    def _parameters(self) -> dict[str, object]:
        values: dict[str, object] = {
            "keyint": self.period,
            "min-keyint": max(1, self.period),
            "scenecut": 0,
            "open-gop": 0,
            # With 4:0:0 and weighted bi-prediction x265's reconstruction drifts from what decoders see.
            "weightb": 0,
            # The same bytes for any number of cores.
            "pools": "none",
            "frame-threads": 1,
            "info": 0,
            "log-level": "none",
        }
        values |= {"bframes": 0} if self.low_delay else {}
        return values | ({"lossless": 1} if self.crf is None else {"crf": self.crf})
