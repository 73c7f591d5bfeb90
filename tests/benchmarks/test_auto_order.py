"""The order in which `auto` looks for standard lossy codecs is that of the committed tables."""

from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.lossy_codecs import ANCHOR
from benchmarks.rows import LossyRow, read_rows
from medcodec.codecs.standard.auto import candidates
from medcodec.evaluation.bjontegaard import bd_rate

pytest.importorskip("scipy")

TABLE = Path(__file__).parents[2] / "docs/results/lossy_test.csv"
SCANS = ("CT", "MR", "ACDC", "Cine")
NAMES = {("vvc", ""): "vvenc-medium", ("av1", "aom"): "libaom-4", ("av1", "svt"): "svtav1-4"}


def mean_bd_rate(rows: list[LossyRow], codec: str) -> float:
    files = {row.file for row in rows if row.codec == codec}
    assert files
    deltas = []
    for file in files:
        anchor, test = (
            [
                (row.coded_bpv, row.psnr_db)
                for row in rows
                if (row.file, row.codec) == (file, name) and row.coded_bpv and row.psnr_db is not None
            ]
            for name in (ANCHOR, codec)
        )
        deltas.append(bd_rate(anchor, test).value)
    return fmean(deltas)


@pytest.mark.parametrize("effort", ["fast", "default"])
def test_auto_looks_for_the_best_first(effort: str) -> None:
    rows = [row for row in read_rows(TABLE, LossyRow) if row.protocol == "8-bit" and row.kind in SCANS]
    names = [NAMES.get((codec.name, getattr(codec, "encoder", "")), ANCHOR) for codec in candidates(effort)]
    order = [mean_bd_rate(rows, name) for name in names]
    assert order == sorted(order), names
