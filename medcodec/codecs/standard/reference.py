"""The reference encoders, VTM (VVC) and HM (HEVC), where the user points at them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from medcodec.codecs.base import AnyArray, Capabilities
from medcodec.codecs.standard.base import between, check_choice, check_range
from medcodec.codecs.standard.needs import Need, av_need
from medcodec.codecs.standard.programs import raw_video, run_encoder
from medcodec.codecs.standard.video import VideoCodec
from medcodec.errors import MissingDependencyError

MODES = ("random_access", "low_delay_p")


@dataclass(frozen=True)
class ReferenceCodec(VideoCodec):
    """What VTM and HM share: command lines, configuration files of the common test conditions, grey.

    Parameters
    ----------
    qp
        Quantisation parameter, 0 (best) to 63 (VTM) or 51 (HM).
    mode
        "random_access" or "low_delay_p".
    intra_period
        A key frame every so many frames (of random access, a multiple of its GoP); 0 for one per group.
    bits
        The least number of bits of a sample (8, 10 or 12): more than the voxels have give finer steps.
    intensity
        How voxels are mapped to fewer bits where they must be, see
        `medcodec.codecs.standard.mapping.resolve`.
    """

    qp: int = 32
    mode: str = "random_access"
    intra_period: int = 0
    bits: int = 8
    intensity: str = "auto"

    worst_qp: ClassVar[int]
    config_variable: ClassVar[str]
    configs: ClassVar[dict[str, str]]
    extra: ClassVar[tuple[str, ...]] = ()
    depths: ClassVar[tuple[int, ...]] = (8, 10, 12)
    capabilities: ClassVar[Capabilities] = Capabilities(
        lossless=False, error_bound=False, max_bits=12, floats=False, needs_weights=False
    )

    def __post_init__(self) -> None:
        check_range(self.name, "qp", self.qp, 0, self.worst_qp)
        check_choice(self.name, "mode", self.mode, MODES)
        self.check_video()

    def with_quality(self, quality: float) -> ReferenceCodec:
        """Return the codec at a quality from 0 to 100."""
        return replace(self, qp=round(between(self.worst_qp, 0, quality)))

    def _encode_video(self, video: AnyArray, bits: int) -> bytes:
        program = self.encoder_needs[0].path() or ""
        config = self._config(program)

        def command(source: Path, target: Path) -> list[str]:
            height, width = video.shape[1:]
            line = [program, "-c", str(config), "-i", str(source), "-b", str(target), "-o", os.devnull]
            line += ["-wdt", str(width), "-hgt", str(height), "-fr", "25", "-f", str(len(video))]
            line += ["-q", str(self.qp), f"--InputBitDepth={bits}", f"--InternalBitDepth={bits}"]
            line += ["--InputChromaFormat=400", "--ConformanceWindowMode=0"]
            line += [f"--IntraPeriod={self.period}", *self.extra]
            return line

        return run_encoder(self.name, raw_video(video, bits, chroma=False), command, samples=video.size)

    def _config(self, program: str) -> Path:
        named = os.environ.get(self.config_variable)
        folders = [Path(named)] if named else [parent / "cfg" for parent in Path(program).resolve().parents]
        for folder in folders:
            if (folder / self.configs[self.mode]).is_file():
                return folder / self.configs[self.mode]
        where = f"not in {named}" if named else f"in no folder cfg beside or above {program}"
        msg = f"codec {self.name!r}: {self.configs[self.mode]} is {where}; "
        msg += f"name the encoder's folder of configurations in {self.config_variable}"
        raise MissingDependencyError(msg)


@dataclass(frozen=True)
class VtmCodec(ReferenceCodec):
    """VVC by VTM: the encoder is named in MEDCODEC_VTM, its folder `cfg` in MEDCODEC_VTM_CFG."""

    name: ClassVar[str] = "vtm"
    worst_qp: ClassVar[int] = 63
    config_variable: ClassVar[str] = "MEDCODEC_VTM_CFG"
    configs: ClassVar[dict[str, str]] = {
        "random_access": "encoder_randomaccess_vtm.cfg",
        "low_delay_p": "encoder_lowdelay_P_vtm.cfg",
    }
    encoder_needs: ClassVar[tuple[Need, ...]] = (
        Need(
            "VTM's encoder",
            "build VTM and name its EncoderApp in MEDCODEC_VTM",
            variable="MEDCODEC_VTM",
            programs=("EncoderApp",),
        ),
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (av_need("vvc:r"),)
    decoder: ClassVar[str] = "vvc"


@dataclass(frozen=True)
class HmCodec(ReferenceCodec):
    """HEVC by HM: the encoder is named in MEDCODEC_HM, its folder `cfg` in MEDCODEC_HM_CFG."""

    name: ClassVar[str] = "hm"
    worst_qp: ClassVar[int] = 51
    config_variable: ClassVar[str] = "MEDCODEC_HM_CFG"
    configs: ClassVar[dict[str, str]] = {
        "random_access": "encoder_randomaccess_main.cfg",
        "low_delay_p": "encoder_lowdelay_P_main.cfg",
    }
    # The configurations are those of the Main profile, which has no 4:0:0.
    extra: ClassVar[tuple[str, ...]] = ("--Profile=main-RExt",)
    encoder_needs: ClassVar[tuple[Need, ...]] = (
        Need(
            "HM's encoder",
            "build HM and name its TAppEncoder in MEDCODEC_HM",
            variable="MEDCODEC_HM",
            programs=("TAppEncoderStatic", "TAppEncoder"),
        ),
    )
    decoder_needs: ClassVar[tuple[Need, ...]] = (av_need("hevc:r"),)
    decoder: ClassVar[str] = "hevc"
