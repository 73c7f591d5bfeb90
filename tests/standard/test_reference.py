"""Reference encoders and programs: their command lines, failures and time limits, with stand-ins for them."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from standard_cases import psnr, round_trip, usable

from medcodec.codecs.base import FrameGroup
from medcodec.codecs.registry import make_codec
from medcodec.codecs.standard import programs
from medcodec.errors import MedcodecError, MissingDependencyError

STAND_IN = """#!{python}
import sys, pathlib
sys.path[:0] = {path!r}
import numpy as np
from medcodec.codecs.standard.video import encode_with_av
{encode}
pathlib.Path({log!r}).write_text(" ".join(sys.argv[1:]))
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
width, height = int(args["-wdt"]), int(args["-hgt"])
bits = next(int(a.split("=")[1]) for a in sys.argv if a.startswith("--InputBitDepth"))
video = np.fromfile(args["-i"], "u1" if bits == 8 else "<u2").reshape(-1, height, width)
pathlib.Path(args["-b"]).write_bytes(encode(video, bits, int(args["-q"])))
"""
ENCODE_HEVC = """
def encode(video, bits, qp):
    form = "gray" if bits == 8 else f"gray{bits}le"
    params = {"preset": "veryfast", "x265-params": f"qp={qp}:weightb=0:log-level=none:info=0"}
    return encode_with_av("libx265", video, pixel_format=form, options=params)
"""
ENCODE_VVC = """
from medcodec.codecs.standard.vvc import VvcCodec
def encode(video, bits, qp):
    assert bits == 10
    return VvcCodec(preset="faster", qp=qp)._encode_video(video, bits)
"""
CONFIGURATIONS = {
    "hm": {"random_access": "encoder_randomaccess_main.cfg", "low_delay_p": "encoder_lowdelay_P_main.cfg"},
    "vtm": {"random_access": "encoder_randomaccess_vtm.cfg", "low_delay_p": "encoder_lowdelay_P_vtm.cfg"},
}


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if os.name == "nt":
        pytest.skip("scripts are no programs here")
    (tmp_path / "cfg").mkdir()
    for name in (name for modes in CONFIGURATIONS.values() for name in modes.values()):
        (tmp_path / "cfg" / name).touch()
    (tmp_path / "bin").mkdir()
    for variable, name, encode in (
        ("MEDCODEC_HM", "TAppEncoder", ENCODE_HEVC),
        ("MEDCODEC_VTM", "EncoderApp", ENCODE_VVC),
    ):
        text = STAND_IN.format(python=sys.executable, path=sys.path, log=str(tmp_path / "log"), encode=encode)
        monkeypatch.setenv(variable, str(program(tmp_path / "bin" / name, text)))
        monkeypatch.delenv(f"{variable}_CFG", raising=False)
    return tmp_path


@pytest.mark.parametrize("mode", ["random_access", "low_delay_p"])
@pytest.mark.parametrize("name", ["hm", "vtm"])
def test_reference_encoders_are_run_as_documented(
    name: str, mode: str, stand_in: Path, cardiac: np.ndarray
) -> None:
    usable(("vvc" if name == "vtm" else "hevc", {}))
    codec = usable((name, {"qp": 14, "mode": mode, "intra_period": 32}))
    _, decoded = round_trip(codec, cardiac)
    assert psnr(cardiac, decoded) > 38
    line = (stand_in / "log").read_text()
    assert CONFIGURATIONS[name][mode] in line
    assert "-wdt 136 -hgt 104 -fr 25 -f 5 -q 14" in line
    assert "--InputBitDepth=10 --InternalBitDepth=10 --InputChromaFormat=400" in line
    assert "--IntraPeriod=32" in line
    assert ("--Profile=main-RExt" in line) == (name == "hm")


VVENC = """#!{python}
import os, sys, pathlib
sys.path[:0] = {path!r}
for name in ("MEDCODEC_VVENC", "MEDCODEC_FFMPEG"):
    os.environ.pop(name, None)
import numpy as np
from medcodec.codecs.standard.vvc import VvcCodec
pathlib.Path({log!r}).write_text(" ".join(sys.argv[1:]))
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
width, height = map(int, args["-s"].split("x"))
grey = args.get("--InputChromaFormat") == "400"
frames = np.fromfile(args["-i"], "<u2").reshape(-1, height * width * (2 if grey else 3) // 2)
video = frames[:, : height * width].reshape(-1, height, width)
stream = VvcCodec(preset="faster", qp=int(args["-q"]))._encode_video(video, 10)
pathlib.Path(args["-b" if grey else "-o"]).write_bytes(stream)
"""


@pytest.mark.skipif(os.name == "nt", reason="scripts are no programs here")
@pytest.mark.parametrize("kind", ["vvencFFapp", "low delay", "vvencapp"])
def test_programs_of_vvenc_are_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cardiac: np.ndarray
) -> None:
    usable(("vvc", {}))
    name = "vvencapp" if kind == "vvencapp" else "vvencFFapp"
    # The path of the bundled ffmpeg still holds in the stand-in.
    text = VVENC.format(python=sys.executable, path=sys.path, log=str(tmp_path / "log"))
    path = program(tmp_path / name, text)
    if kind == "vvencapp":
        monkeypatch.setenv("MEDCODEC_FFMPEG", str(tmp_path / "none"))
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    else:
        monkeypatch.setenv("MEDCODEC_VVENC", str(path))
    (tmp_path / "low.cfg").touch()
    monkeypatch.setenv("MEDCODEC_VVENC_LOWDELAY", str(tmp_path / "low.cfg"))
    settings = {"qp": 14, "preset": "fast", "low_delay": kind == "low delay", "intra_period": 32}
    _, decoded = round_trip(make_codec("vvc", **settings), cardiac)
    assert psnr(cardiac, decoded) > 38
    line = (tmp_path / "log").read_text()
    assert "--preset fast" in line
    assert "-s 136x104" in line
    assert "-q 14 -ip 32" in line
    assert ("low.cfg" in line) == (kind == "low delay")


@pytest.mark.parametrize(("name", "variable"), [("hm", "MEDCODEC_HM"), ("vtm", "MEDCODEC_VTM")])
def test_a_missing_reference_encoder_is_told(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    with pytest.raises(MissingDependencyError, match=f"build .* in {variable}"):
        make_codec(name).encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))


def test_missing_configuration_is_told(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stand_in / "cfg" / "encoder_randomaccess_vtm.cfg").unlink()
    with pytest.raises(
        MissingDependencyError, match=r"beside or above .*EncoderApp; name .*MEDCODEC_VTM_CFG"
    ):
        make_codec("vtm").encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))
    monkeypatch.setenv("MEDCODEC_HM_CFG", str(stand_in / "nowhere"))
    with pytest.raises(MissingDependencyError, match=r"not in .*nowhere; name .*MEDCODEC_HM_CFG"):
        make_codec("hm").encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))


@pytest.mark.skipif(os.name == "nt", reason="scripts are no programs here")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho no licence >&2; exit 3\n", "status 3: no licence"),
        ("#!/bin/sh\ntrue\n", "no message"),
    ],
)
def test_failing_programs_are_told(
    text: str, said: str, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDCODEC_HM", str(program(stand_in / "bin" / "broken", text)))
    with pytest.raises(MedcodecError, match=said):
        make_codec("hm").encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))


@pytest.mark.skipif(os.name == "nt", reason="scripts are no programs here")
def test_hanging_programs_are_ended(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = program(stand_in / "bin" / "hanging", "#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setenv("MEDCODEC_HM", str(hanging))
    monkeypatch.setattr(programs, "_LEAST_SECONDS", 0.5)
    monkeypatch.setattr(programs, "_SECONDS_PER_SAMPLE", 0)
    with pytest.raises(MedcodecError, match="took more than"):
        make_codec("hm").encode(FrameGroup(np.zeros((1, 1, 8, 8), np.uint8)))
