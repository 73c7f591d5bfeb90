"""The lossy benchmark: which frames are coded, how they are measured, and what the tables say."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lossy
from benchmarks.lossy_codecs import ANCHOR, LISTED, all_entries
from benchmarks.lossy_frames import kind_of, load_content, middle, protocols_of, slices_to_code
from benchmarks.lossy_tables import lossy_report
from benchmarks.rows import LossyRow, read_rows
from benchmarks.volumes import Source


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """Smooth noisy volumes, signed and of bytes, and a short video."""
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(3)
    x, y, z = np.meshgrid(np.arange(72), np.arange(64), np.arange(5), indexing="ij")
    smooth = 700 * np.sin(x / 7 + z) * np.cos(y / 5) + rng.normal(0, 6, x.shape)
    np.save(folder / "signed.npy", smooth.astype(np.int16))
    np.save(folder / "bytes.npy", ((smooth + 800) / 6.5).astype(np.uint8))
    luma = ((smooth.T[:3] + 800) / 6.5).astype(np.uint8)
    frames = b"".join(b"FRAME\n" + plane.tobytes() + bytes([128]) * (2 * 36 * 32) for plane in luma)
    (folder / "clip.y4m").write_bytes(b"YUV4MPEG2 W72 H64 F25:1 C420jpeg\n" + frames)
    return {name: Source(name, folder / name) for name in ("signed.npy", "bytes.npy", "clip.y4m")}


@pytest.mark.parametrize(
    ("shape", "frames"),
    [
        ((12, 9, 30, 40), (12, 30, 40)),
        ((2, 9, 30, 40), (9, 30, 40)),
        ((40, 36, 30), (40, 36, 30)),
        ((40, 36, 12), (12, 40, 36)),
        ((1, 30, 40), (1, 30, 40)),
    ],
)
def test_a_series_goes_over_time_and_a_volume_over_its_short_axis(
    shape: tuple[int, ...], frames: tuple[int, ...]
) -> None:
    stack = np.arange(np.prod(shape)).reshape(shape)
    found = slices_to_code(stack)
    assert found.shape == frames
    if len(shape) == 4:
        assert (found == (stack[:, shape[1] // 2] if shape[0] > 2 else stack[0])).all()


def test_the_middle_is_taken() -> None:
    assert middle(np.arange(79), 32).tolist() == list(range(23, 55))
    assert middle(np.arange(7), 32).tolist() == list(range(7))


def test_bytes_have_one_protocol_and_other_data_is_mapped(sources: dict[str, Source]) -> None:
    assert protocols_of(sources["bytes.npy"]) == protocols_of(sources["clip.y4m"]) == ("8-bit",)
    assert protocols_of(sources["signed.npy"]) == ("8-bit", "native")
    voxels = load_content(sources["signed.npy"], "8-bit").parts["scan"].voxels
    assert (voxels.dtype, voxels.min(), voxels.max()) == (np.uint8, 0, 255)
    stored = np.load(sources["signed.npy"].path)
    assert (load_content(sources["signed.npy"], "native").parts["scan"].voxels == stored).all()
    assert set(load_content(sources["clip.y4m"], "8-bit").parts) == {"Y", "U", "V"}


def test_kinds_come_from_the_descriptions_of_data_sets() -> None:
    known = Path("somewhere/cardiac_firstpass_perfusion_79f.nii.gz")
    assert kind_of(Source("x", known)) == "Cine"
    assert kind_of(Source("x", Path("mine.nii"))) == "other"


@pytest.mark.parametrize("codec", LISTED)
@pytest.mark.parametrize("name", ["signed.npy", "clip.y4m"])
def test_a_better_point_costs_more(codec: str, name: str, sources: dict[str, Source]) -> None:
    entry = LISTED[codec]
    if entry.missing():
        pytest.skip(f"needs {', '.join(entry.missing())}")
    ends = entry.points("8-bit")[0], entry.points("8-bit")[-2]
    rows = [lossy.measure(sources[name], "8-bit", codec, point) for point in ends]
    low, high = sorted(rows, key=lambda row: row.psnr_db or 0)
    assert 25 < (low.psnr_db or 0) < (high.psnr_db or 0) < 80
    assert (low.coded_bytes or 0) < (high.coded_bytes or 0)
    for row in rows:
        assert 0 < (row.coded_bpv or 0) < (row.bpv or 0)
        assert (row.rgb_psnr_db is None) == (name != "clip.y4m")
        assert row.voxels == 72 * 64 * (3 if name == "clip.y4m" else 5)


def test_the_command_compares_a_new_codec_with_rows_from_before(
    sources: dict[str, Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("imagecodecs")
    pytest.importorskip("av")
    path = tmp_path / "rows.csv"
    volume = [str(sources["signed.npy"].path), "--csv", str(path), "--protocols", "native"]
    assert lossy.main([*volume, "--codecs", ANCHOR, "jpeg2000"]) == 0
    first = path.read_text()
    assert "htj2k" in all_entries()
    assert lossy.main([*volume, "--codecs", "htj2k", "--points", "40", "50", "60"]) == 0
    variant = "jpegxl:effort=3:point=distance"
    assert lossy.main([*volume, "--codecs", variant, "--points", "1", "3"]) == 0
    assert path.read_text().startswith(first)
    rows = read_rows(path, LossyRow)
    assert [row.codec for row in rows] == [ANCHOR] * 5 + ["jpeg2000"] * 5 + ["htj2k"] * 3 + [variant] * 2
    assert [row.point for row in rows[-5:]] == [40, 50, 60, 1, 3]
    assert re.search(r"x265-medium \(bpv @ dB\) +\| jpeg2000 +\| htj2k", capsys.readouterr().out)


def curve(file: str, codec: str, factor: float, **changes: object) -> list[LossyRow]:
    points = [(0.1, 32.0), (0.2, 36.0), (0.4, 40.0), (0.8, 45.0)]
    rows = [
        LossyRow(file, "CT", "8-bit", "8x8x8", "uint8", 512, codec, psnr_db, 99, factor * bpv + 1, 9)
        for bpv, psnr_db in points
    ]
    return [
        replace(row, coded_bpv=(row.bpv or 0) - 1, psnr_db=row.point, encode_cpu_s=1.0, **changes)  # type: ignore[arg-type]
        for row in rows
    ]


def test_tables_leave_the_header_out_and_average_over_kinds() -> None:
    rows = curve("a", ANCHOR, 1.0) + curve("a", "wavelet", 0.6)
    rows += curve("b", ANCHOR, 1.0, kind="MR") + curve("b", "wavelet", 0.8, kind="MR")
    failed = LossyRow("b", "MR", "8-bit", "8x8x8", "uint8", 512, "wavelet", 7, note="failed: out of luck")
    report = lossy_report([*rows, failed])
    lines = [line.replace(" ", "") for line in report.splitlines()]
    assert "|CT|codedgroups|1|-40.0|" in lines
    assert "|MR|codedgroups|1|-20.0|" in lines
    assert "|all|codedgroups|2|-30.0|" in lines
    assert "|a|CT|8x8x8|0.100@32.0to0.800@45.0|-40.0|" in lines
    assert "|wavelet|b|8-bit|7|failed:outofluck|" in lines
    whole = next(line for line in lines if line.startswith("|all|wholefiles|2|"))
    assert -30 < float(whole.split("|")[4]) < 0
