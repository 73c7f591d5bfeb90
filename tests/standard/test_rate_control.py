"""Rate control on real files: what was asked for is reached, said, and kept in a .medc file that is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standard_cases import usable

import medcodec
from medcodec.api import compress, load_volume
from medcodec.cli import main
from medcodec.codecs.standard import auto
from medcodec.codecs.standard.hevc import HevcCodec
from medcodec.comparison import compare
from medcodec.errors import OptionError
from medcodec.targets import Target
from medcodec.volume import from_array

FAST: dict[str, dict[str, Any]] = {
    "hevc": {"preset": "veryfast"},
    "av1": {"speed": 6},
    "jpegxl": {"effort": 3},
    "jpeg2000": {},
    "htj2k": {},
    "jpegls": {},
    "sz3": {},
    "sperr": {},
    "adaptive": {},
}


def options(name: str) -> dict[str, Any]:
    if name != "adaptive":
        usable((name, FAST[name]))
    return {"codec": name, "codec_options": FAST[name]}


@pytest.fixture
def scan(cardiac: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(cardiac[0].T)


@pytest.mark.parametrize("name", FAST)
def test_psnr_is_reached(name: str, scan: np.ndarray, tmp_path: Path) -> None:
    done = compress(scan, tmp_path / "a.medc", psnr=45.0, **options(name))
    found = compare(from_array(scan), load_volume(tmp_path / "a.medc"))
    assert done.reached is not None
    assert done.reached.met
    assert done.reached.trial.psnr_db == pytest.approx(found.psnr_db, abs=1e-6)
    # Integer settings (quantisers, bounds) may overshoot by a step.
    assert 44.94 < found.psnr_db < (50.0 if name in ("jpegls", "sz3", "adaptive") else 46.5)
    assert "asked for psnr 45 dB" in str(done.reached)


@pytest.mark.parametrize(("kind", "value"), [("bpv", 1.0), ("ratio", 16.0)])
@pytest.mark.parametrize("name", ["hevc", "jpeg2000", "sperr"])
def test_size_is_reached(name: str, kind: str, value: float, scan: np.ndarray, tmp_path: Path) -> None:
    done = compress(scan, tmp_path / "a.medc", **{kind: value}, **options(name))
    size = (tmp_path / "a.medc").stat().st_size
    assert done.file_bytes == size
    wanted = scan.size / 8 if kind == "bpv" else scan.nbytes / value
    assert 0.93 < size / wanted <= 1.011


def test_size_is_that_of_the_whole_file(scan: np.ndarray, tmp_path: Path) -> None:
    done = compress(scan, tmp_path / "a.medc", bpv=0.5, **options("jpeg2000"))
    assert done.bits_per_voxel == pytest.approx(8 * (tmp_path / "a.medc").stat().st_size / scan.size)
    assert done.bits_per_voxel <= 0.506


def test_quality_orders_files(scan: np.ndarray, tmp_path: Path) -> None:
    sizes = [
        compress(scan, tmp_path / f"{quality}.medc", quality=quality, **options("hevc")).file_bytes
        for quality in (10, 50, 90)
    ]
    assert sizes == sorted(sizes)


def test_what_cannot_be_reached_is_said(scan: np.ndarray, tmp_path: Path) -> None:
    done = compress(scan, tmp_path / "a.medc", psnr=90.0, **options("hevc"))
    assert done.reached is not None
    assert not done.reached.met
    assert "comes no nearer" in str(done.reached)


def test_peak_moves_the_psnr(scan: np.ndarray, tmp_path: Path) -> None:
    own = compress(scan, tmp_path / "a.medc", psnr=40.0, **options("sperr"))
    wide = compress(scan, tmp_path / "b.medc", psnr=40.0, peak=4 * float(np.ptp(scan)), **options("sperr"))
    assert wide.file_bytes < own.file_bytes * 0.7


def test_auto_is_lossless_unless_a_rate_is_asked_for(scan: np.ndarray, tmp_path: Path) -> None:
    compress(scan, tmp_path / "a.medc")
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.info.lossless
        assert file.info.codec.name == "adaptive"


def test_auto_takes_the_best_that_is_there(scan: np.ndarray, tmp_path: Path) -> None:
    expected = auto.best_lossy("fast")
    compress(scan, tmp_path / "a.medc", effort="fast", psnr=38.0)
    with medcodec.open(tmp_path / "a.medc") as file:
        assert file.info.codec.name == expected.name
    compress(scan, tmp_path / "b.medc", effort="fast", psnr=70.0)
    with medcodec.open(tmp_path / "b.medc") as file:
        assert file.info.codec.name == "adaptive"


def test_auto_falls_back_to_the_adaptive_codec(
    scan: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable(("hevc", {}))
    monkeypatch.setattr(auto, "best_lossy", lambda _: HevcCodec(crf=24.0, preset="ultrafast"))
    done = compress(scan, tmp_path / "a.medc", psnr=62.0)
    assert done.reached is not None
    assert done.reached.trial.codec.name == "adaptive"
    assert done.reached.trial.psnr_db >= 61.95


@pytest.mark.parametrize("asked", [{"bpv": 6.0}, {"ratio": 16.0}])
def test_auto_uses_up_a_size_that_is_asked_for(
    asked: dict[str, Any], scan: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable(("hevc", {}))
    monkeypatch.setattr(auto, "best_lossy", lambda _: HevcCodec(crf=24.0, preset="ultrafast"))
    done = compress(scan, tmp_path / "a.medc", **asked)
    assert done.reached is not None
    assert done.reached.met
    assert done.reached.trial.codec.name in ("adaptive", "wavelet")
    assert done.reached.trial.psnr_db == pytest.approx(
        compare(from_array(scan), load_volume(tmp_path / "a.medc")).psnr_db
    )
    alone = compress(scan, tmp_path / "b.medc", **asked, **options("hevc"))
    assert alone.reached is not None
    assert alone.reached.trial.psnr_db < done.reached.trial.psnr_db


def test_auto_takes_the_smallest_file_where_noise_takes_most_bits(
    scan: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable(("hevc", {}))
    monkeypatch.setattr(auto, "best_lossy", lambda _: HevcCodec(crf=24.0, preset="ultrafast"))
    alone = {
        name: compress(scan, tmp_path / f"{name}.medc", psnr=46.0, **options(name))
        for name in ("hevc", "adaptive")
    }
    alone["wavelet"] = compress(scan, tmp_path / "wavelet.medc", psnr=46.0, codec="wavelet")
    done = compress(scan, tmp_path / "a.medc", psnr=46.0)
    assert alone["hevc"].bits_per_voxel > 1
    assert done.file_bytes == min(one.file_bytes for one in alone.values())
    assert done.reached is not None
    assert done.reached.trial.codec.name != "hevc"


def test_auto_tries_others_where_values_are_divided(
    scan: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usable(("hevc", {}))
    monkeypatch.setattr(auto, "best_lossy", lambda _: HevcCodec(crf=24.0, preset="ultrafast"))
    wide = scan.astype(np.int32) * 60 + np.random.default_rng(1).integers(0, 60, scan.shape, np.int32)
    done = compress(wide, tmp_path / "a.medc", psnr=34.0)
    alone = {
        name: compress(wide, tmp_path / f"{name}.medc", psnr=34.0, codec=name, codec_options=settings)
        for name, settings in (("hevc", {"preset": "ultrafast"}), ("wavelet", {}))
    }
    assert alone["hevc"].bits_per_voxel < 1
    assert done.file_bytes == min(one.file_bytes for one in alone.values())


def test_auto_codes_what_the_first_codec_cannot(scan: np.ndarray, tmp_path: Path) -> None:
    holes = scan.astype(np.float32)
    holes[3, 3, 1] = np.nan
    done = compress(holes, tmp_path / "a.medc", psnr=50.0)
    assert done.reached is not None
    assert done.reached.met
    assert done.reached.trial.codec.name == "adaptive"


def test_auto_takes_the_wavelet_codec_where_nothing_is_installed(
    scan: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medcodec.codecs.standard.needs.Need.met", lambda _: False)
    done = compress(scan, tmp_path / "a.medc", effort="fast", psnr=40.0)
    assert done.reached is not None
    assert done.reached.trial.codec.name == "wavelet"
    assert done.reached.met


def test_a_lossy_mapping_is_told(scan: np.ndarray, tmp_path: Path) -> None:
    wide = scan.astype(np.int32) * 300
    done = compress(wide, tmp_path / "a.medc", psnr=40.0, **options("hevc"))
    assert any("shift to 12 bits" in note for note in done.notes)
    clipped = {"preset": "veryfast", "intensity": "window:0:100"}
    done = compress(scan, tmp_path / "b.medc", quality=50, codec="hevc", codec_options=clipped)
    assert any("alone loses up to" in note for note in done.notes)
    with medcodec.open(tmp_path / "b.medc") as file:
        assert file.info.codec.settings["intensity"] == "window:0:100"


@pytest.mark.parametrize(
    "wanted",
    [
        {"psnr": 40.0, "bpv": 1.0},
        {"psnr": -1.0},
        {"quality": 101.0},
        {"bpv": float("nan")},
        {"peak": 255.0},
        {"psnr": 40.0, "max_error": 1},
        {"codec": "vvc"},
        {"codec_options": {"crf": 20}},
        {"codec": "hevc", "codec_options": {"quantiser": 20}},
    ],
)
def test_contradictions_are_refused(wanted: dict[str, Any], scan: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        compress(scan, tmp_path / "a.medc", **wanted)
    assert not list(tmp_path.iterdir())


def test_target_in_words() -> None:
    assert str(Target("psnr", 45.0)) == "psnr 45 dB"
    assert str(Target("ratio", 20.0)) == "ratio 20x"


def test_command_line(scan: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usable(("hevc", {}))
    np.save(tmp_path / "scan.npy", scan)
    line = [
        "compress",
        str(tmp_path / "scan.npy"),
        "--codec",
        "hevc",
        "-O",
        "preset=veryfast",
        "--psnr",
        "40",
    ]
    assert main([*line, "-o", str(tmp_path / "a.medc")]) == 0
    said = capsys.readouterr().out
    assert "asked for psnr 40 dB, reached 4" in said
    assert "preset=veryfast" in said
    assert main(["verify", str(tmp_path / "a.medc")]) == 0
    assert main([*line[:-2], "-o", str(tmp_path / "b.medc")]) == 0
    assert "lossless" in capsys.readouterr().out
    assert main([*line, "-o", str(tmp_path / "c.medc"), "-O", "preset"]) != 0
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_folder_goes_on_where_it_stopped(
    scan: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usable(("hevc", {}))
    (tmp_path / "in").mkdir()
    for n in range(2):
        np.save(tmp_path / "in" / f"{n}.npy", scan[n:])
    line = ["compress", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--codec", "hevc"]
    assert main([*line, "-O", "preset=veryfast", "--bpv", "0.8"]) == 0
    (tmp_path / "out" / "1.medc").unlink()
    assert capsys.readouterr().out.count("bits per voxel") == 2
    assert main([*line, "-O", "preset=veryfast", "--bpv", "0.8"]) == 0
    said = capsys.readouterr().out
    assert "kept" in said
    assert "2 of 2 scans" in said
    assert main([*line, "-O", "preset=veryfast", "--psnr", "55"]) != 0
    assert main([*line, "-O", "preset=veryfast", "--psnr", "90", "--force"]) == 0
    assert "comes no nearer" in " ".join(capsys.readouterr().out.split())
