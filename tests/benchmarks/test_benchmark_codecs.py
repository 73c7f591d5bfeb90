"""Every codec of the benchmarks, on small volumes: exact, or within its bound."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import lossless, measure, near_lossless
from benchmarks.volumes import Source


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """Smooth noisy volumes: signed 3-D, 4-D of 64x64 slices, bytes, and floats that are not integers."""
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(3)
    x, y, z = np.meshgrid(np.arange(29), np.arange(21), np.arange(5), indexing="ij")
    signed = (700 * np.sin(x / 7 + z) * np.cos(y / 5) - 300 + rng.normal(0, 6, x.shape)).astype(np.int16)
    series = rng.integers(0, 3000, (64, 64, 3, 4)).astype(np.uint16)
    arrays = {"signed": signed, "series": series, "floats": rng.normal(size=(9, 8, 3)).astype(np.float32)}
    arrays["bytes"] = rng.integers(0, 200, (33, 35, 2)).astype(np.uint8)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {name: Source(name, folder / f"{name}.npy") for name in arrays}


@pytest.fixture(autouse=True)
def _no_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MIN_TIMED_S", 0)


def skip_if_missing(needed: list[str]) -> None:
    if needed:
        pytest.skip(f"needs {', '.join(needed)}")


@pytest.mark.parametrize("codec", lossless.RIVALS)
@pytest.mark.parametrize("name", ["signed", "series", "bytes", "floats"])
def test_every_codec_is_exact_or_says_why_not(codec: str, name: str, volumes: dict[str, Source]) -> None:
    rival = lossless.RIVALS[codec]
    skip_if_missing(rival.missing())
    row = lossless.measure(volumes[name], codec)
    takes_it = (name != "floats" or rival.takes != "integers") and (name == "series" or not rival.over_time)
    assert row.exact is (True if takes_it else None), row.note
    assert bool(row.bytes) == takes_it
    assert takes_it or row.note


@pytest.mark.parametrize("codec", near_lossless.RIVALS)
@pytest.mark.parametrize("max_error", [1, 6])
def test_every_bound_is_kept(codec: str, max_error: int, volumes: dict[str, Source]) -> None:
    rival = near_lossless.RIVALS[codec]
    skip_if_missing(rival.missing())
    row = near_lossless.measure(volumes["signed"], codec, max_error)
    assert row.psnr_db is not None
    assert row.psnr_db > 20 * np.log10(1400 / max_error) - 1
    assert row.largest_error is not None
    assert not rival.is_bounded or row.largest_error <= max_error


def test_greater_bounds_cost_less(volumes: dict[str, Source]) -> None:
    skip_if_missing(near_lossless.RIVALS["jpegls"].missing())
    sizes = [near_lossless.measure(volumes["signed"], "jpegls", bound).bytes or 0 for bound in (1, 3, 8)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2]


def test_near_lossless_refuses_floats(volumes: dict[str, Source]) -> None:
    assert near_lossless.measure(volumes["floats"], "sz3", 1).note.startswith("unsupported")


def test_the_command_measures_and_goes_on(
    volumes: dict[str, Source], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, table = tmp_path / "rows.csv", tmp_path / "table.md"
    arguments = [str(volumes["signed"].path), "--csv", str(path), "--markdown", str(table), "--codecs"]
    assert lossless.main([*arguments, "gzip-9"]) == 0
    first = path.read_text()
    assert lossless.main([*arguments, "gzip-9", "xz-9e"]) == 0
    assert path.read_text().startswith(first)
    assert len(path.read_text().splitlines()) == 3
    assert table.read_text() in capsys.readouterr().out


def test_an_unknown_codec_is_named(volumes: dict[str, Source], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nonesuch"):
        lossless.main([str(volumes["signed"].path), "--csv", str(tmp_path / "x.csv"), "--codecs", "nonesuch"])
