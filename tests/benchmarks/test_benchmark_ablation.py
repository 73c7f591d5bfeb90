"""The ablation of the wavelet codec: all variants decode, and parts that matter cost rate when missing."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation


def test_all_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("scipy")
    x, y, z = np.meshgrid(np.arange(72), np.arange(64), np.arange(5), indexing="ij")
    noise = np.random.default_rng(3).normal(0, 6, x.shape)
    np.save(tmp_path / "a.npy", (700 * np.sin(x / 7 + z / 9) * np.cos(y / 5) + noise).astype(np.int16))
    monkeypatch.setattr(ablation, "QUALITIES", (6.0, 12.0))
    assert ablation.main([str(tmp_path / "a.npy"), "--markdown", str(tmp_path / "table.md")]) == 0
    text = (tmp_path / "table.md").read_text()
    assert text.strip().splitlines()[-1] in capsys.readouterr().out
    found = {
        line.split("|")[1].strip(): float(line.split("|")[2])
        for line in text.splitlines()[-len(ablation.VARIANTS) :]
    }
    assert set(found) == set(ablation.VARIANTS)
    assert found["dependent quantisation by rate and distortion"] > 1
    assert all(-5 < value < 100 for value in found.values())
