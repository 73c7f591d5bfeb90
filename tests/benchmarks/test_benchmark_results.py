"""What the benchmarks do with volumes and rows, apart from any codec."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import measure_apart
from benchmarks.near_tables import near_report
from benchmarks.rows import NearRow, Row, read_rows, run_resumable
from benchmarks.tables import group_rows, lossless_report
from benchmarks.volumes import find_sources, integer_view, load_stack, write_plain


def a_row(file: str, codec: str, size: int | None = 100, **changes: object) -> Row:
    row = Row(file, "10x10x8", "int16", 800, codec, size, size and size / 100, 0.1, 0.2, size and True)
    return replace(row, **changes)  # type: ignore[arg-type]


def test_sources_come_from_folders_files_and_globs_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    np.save(tmp_path / "deep" / "b.npy", np.zeros((2, 2)))
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    (tmp_path / "note.txt").write_text("no volume")
    found = find_sources([str(tmp_path), str(tmp_path / "a.npy"), str(tmp_path / "*.npy")])
    assert [source.name for source in found] == ["a.npy", "deep/b.npy"]
    with pytest.raises(FileNotFoundError, match=r"c\.npy"):
        find_sources([str(tmp_path / "c.npy")])


def test_the_last_axis_of_a_file_counts_slices_and_scaling_is_left_off(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=">i2").reshape(4, 3, 2)
    image = nib.Nifti1Image(voxels, np.eye(4))
    image.header.set_slope_inter(2.5, 7)
    nib.save(image, tmp_path / "a.nii.gz")
    stored = np.asanyarray(nib.load(tmp_path / "a.nii.gz").dataobj.get_unscaled())
    stack = load_stack(tmp_path / "a.nii.gz")
    assert stack.shape == (2, 3, 4)
    assert stack.dtype.isnative
    assert (stack == stored.T).all()
    plain = write_plain(tmp_path / "a.nii.gz", tmp_path)
    assert plain.name == "a.nii"
    assert (load_stack(plain) == stack).all()


@given(
    levels=st.lists(st.integers(-5000, 5000), min_size=1, max_size=30),
    step=st.sampled_from([1.0, 0.5, 0.003, 12.75]),
)
def test_floats_that_are_integers_times_a_factor_are_found(levels: list[int], step: float) -> None:
    stack = (np.array(levels) * step).astype(np.float32).reshape(1, 1, -1)
    view = integer_view(stack)
    if view is None:
        # Only a factor that the smallest gap does not show is missed.
        assert step != 1.0
        return
    order = np.argsort(stack.ravel(), kind="stable")
    assert (np.diff(view.values.ravel()[order].astype(int)) >= 0).all()
    assert len(np.unique(view.values)) == len(np.unique(stack))
    assert int(view.values.max()) < 2**view.bits


@pytest.mark.parametrize("value", [-0.0, np.nan, np.inf, 0.1234567])
def test_other_floats_stay_floats(value: float) -> None:
    assert integer_view(np.array([[[0.0, 1.0, 2.0, value]]], np.float32)) is None


def test_wide_integers_are_refused_and_narrow_ones_shifted() -> None:
    assert integer_view(np.array([[[0, 70000]]])) is None
    view = integer_view(np.array([[[-70000, -69000]]]))
    assert view is not None
    assert (view.values.tolist(), view.bits) == ([[[0, 1000]]], 10)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    calls: list[str] = []

    def task(codec: str) -> Row:
        calls.append(codec)
        return a_row("a", codec, note="two\nlines, quoted")

    def run(*codecs: str, redo: tuple[str, ...] = ()) -> list[Row]:
        tasks = {("a", codec): partial(task, codec) for codec in codecs}
        return run_resumable(tasks, path, Row, jobs=1, redo=redo)

    first = run("x", "y")
    assert run("x", "y", "z")[:2] == first
    assert calls == ["x", "y", "z"]
    run("x", "y", redo=("y*",))
    assert calls == ["x", "y", "z", "y"]
    assert sorted(row.codec for row in read_rows(path, Row)) == ["x", "y", "z"]


def _exit(_file: str) -> Row:
    os._exit(7)


def _fail(file: str) -> Row:
    msg = f"{file}: broken"
    raise ValueError(msg)


def _describe(file: str) -> Row:
    return a_row(file, "x", None)


def test_a_crash_and_an_error_become_notes() -> None:
    assert "exit code 7" in measure_apart(_exit, _describe, "a").note
    assert measure_apart(_fail, _describe, "a").note == "failed: ValueError: a: broken"


def test_tables_take_the_better_order_and_leave_out_what_is_not_exact() -> None:
    rows = [
        a_row("a", "tomoz", 90),
        a_row("a", "tomoz-t", 80),
        a_row("a", "x265", 10, exact=False),
        a_row("a", "jpegxl-e9", 100),
        a_row("a", "medcodec-max", 60),
        a_row("b", "tomoz", 20),
        a_row("b", "jpegxl-e9", 50),
        a_row("b", "medcodec-max", 30),
        a_row("c", "medcodec-max", None, note="failed: out of luck"),
    ]
    volume = group_rows(rows)[0]
    best = volume.best_rival()
    assert best is not None
    assert (best.codec, best.bytes) == ("tomoz-t", 80)
    lines = [line.replace(" ", "") for line in lossless_report(rows).splitlines()]
    assert "|medcodec-max|2of3|0.4500|-10.0%|-40.0%|0.01|0.00|" in lines
    assert "|b|0.3000|+50.0%|-40.0%|tomoz|+50.0%|" in lines
    assert "Worstagainstitsbestrival:b(+50.0%);largeron1of2volumes." in lines
    assert "|x265|a|notexact|" in lines
    assert "|medcodec-max|c|failed:outofluck|" in lines


def test_series_and_floats_have_their_own_tables() -> None:
    series = [a_row("s", codec, shape="9x9x5x4") for codec in ("tomoz", "medcodec-max")]
    floats = [a_row("f", codec, dtype="float32") for codec in ("pcodec", "medcodec-max")]
    whole = [a_row("w", "pcodec", dtype="float32", note="integer-valued")]
    cine = [a_row("c", "tomoz", shape="9x9x1x40")]
    report = lossless_report(series + floats + whole + cine)
    integer_part, rest = report.split("## Series")
    series_part, float_part = rest.split("## Float")
    assert all(f"| {name} " in integer_part for name in "swc")
    assert "| s " in series_part
    assert "| c " not in series_part
    assert "| f " in float_part
    assert "| w " not in float_part


def test_near_tables_compare_with_each_rival() -> None:
    def curve(codec: str, factor: float) -> list[NearRow]:
        points = [(1, 4.0, 60.0), (3, 2.0, 50.0), (8, 1.0, 42.0)]
        return [
            NearRow("a", "8x8x8", "int16", 512, codec, bound, 9, factor * bpv, bound, psnr_db)
            for bound, bpv, psnr_db in points
        ]

    report = near_report(curve("jpegls", 1.0) + curve("sz3", 0.8) + curve("medcodec-max", 0.6))
    lines = [line.replace(" ", "") for line in report.splitlines()]
    assert "|medcodec-max|jpegls|-40.0|-40.0|" in lines
    assert "|medcodec-max|sz3|-25.0|-25.0|" in lines
    assert "|medcodec-max|sz3|3|-25.0%|-25.0%|" in lines
