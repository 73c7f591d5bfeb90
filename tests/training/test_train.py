"""Training from scans to a model: end to end, resumed, and by two processes."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training_scans import moving_blobs

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from medcodec.cli.run import run as run_cli
from medcodec.codecs.wavelet.decoder import parse_symbols, synthesise
from medcodec.codecs.wavelet.encoder import Effort, GroupEncoder
from medcodec.codecs.wavelet.model import (
    CODERS,
    CONTEXT_NAMES,
    ENHANCE,
    FUSE,
    POSTFILTER,
    WaveletModel,
    current_model,
    model_of,
)
from medcodec.codecs.wavelet.quality import quality_of
from medcodec.errors import OptionError
from medcodec.training.loop import learning_rate, read_checkpoint
from medcodec.training.recipe import load_config
from medcodec.training.wavelet import CHECKPOINT, CURVE, train_wavelet
from medcodec.training.wavelet_task import WaveletTask


def test_model_codes_and_decodes(trained):
    model = WaveletModel.from_bytes((trained / "wavelet-tiny.medm").read_bytes())
    assert len(model.starts) == CODERS
    top = 900
    frames = moving_blobs((1, 5, 40, 48), 9, top).astype(np.int32)
    for quality in (quality_of(9, top, 6), None):
        coded = GroupEncoder(frames, top, gop=4, quality=quality, model=model, effort=Effort()).encode()
        symbols = parse_symbols(coded.data, frames.shape, model)
        assert np.array_equal(synthesise(symbols, frames.shape, top, model), coded.pictures)
        assert quality is not None or np.array_equal(coded.pictures, frames)


def test_curve_has_all_networks(trained):
    with (trained / CURVE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    first = [row for row in rows if row["stage"] == "first"]
    assert {row["network"] for row in first} == {*CONTEXT_NAMES, FUSE, ENHANCE, "enhance-noisy", POSTFILTER}
    assert sorted({int(row["step"]) for row in first}) == [5, 10, 15]
    assert [row["rounded"] for row in first if row["network"] == FUSE] == ["0", "1", "1"]
    second = [row for row in rows if row["stage"] == "second"]
    assert {row["network"] for row in second} == set(CONTEXT_NAMES)
    assert {row["rounded"] for row in second} == {"1"}
    assert {row["unit"] for row in rows} == {"bits per decision", "dB gained"}


def test_networks_that_are_not_trained_stay_what_they_were(scans, recipe, tmp_path):
    text = recipe.read_text()
    text = text[: text.index("[[stages]]")].replace('"tiny"', '"tiny"\nstart = "small"\nenhance_layers = 5')
    text = text.replace("context_channels = 8", "context_channels = 32").replace(
        "picture_channels = 4", "picture_channels = 64"
    )
    stage = {"name": "only", "networks": ["enhance-noisy"], "steps": 2, "learning_rate": 1e-3}
    lines = [f"{key} = {json.dumps(value)}" for key, value in stage.items()]
    (tmp_path / "one.toml").write_text(text + "\n".join(["[[stages]]", *lines]))
    trained = train_wavelet(
        load_config(tmp_path / "one.toml"), [scans / "cine.nii"], tmp_path / "run", threads=1
    )
    small, made = model_of(current_model("small")), WaveletModel.from_bytes(trained.model.read_bytes())
    assert made.enhancers == (ENHANCE, "enhance-noisy")
    for name, network in small.networks.items():
        assert made.networks[name].sha256 == network.sha256
    assert made.networks["enhance-noisy"].sha256 != small.networks[ENHANCE].sha256


def test_card_tells_where_it_comes_from(trained, scans, recipe):
    card = (trained / "wavelet-tiny.md").read_text()
    model = (trained / "wavelet-tiny.medm").read_bytes()
    assert hashlib.sha256(model).hexdigest() in card
    assert recipe.read_text().strip() in card
    held = hashlib.sha256((scans / "held.nii").read_bytes()).hexdigest()
    assert f"| held | `{held}` | validation | not stated |" in card
    assert "| training | CC0; made for tests |" in card
    assert f"--config {recipe}" in card
    figures = re.findall(
        r"^\| (?:context|fuse|enhance|postfilter)\S* \| (\S+) \| (\S+) \|", card, re.MULTILINE
    )
    assert len(figures) == len(CONTEXT_NAMES) + 4
    assert any(exact != unrounded for exact, unrounded in figures)


class KilledError(Exception):
    pass


def train_until(dies_at, config, scans, out):
    losses = WaveletTask.losses

    def mortal(self, step):
        stage = "first" if FUSE in self.networks else "second"
        if (stage, step) == dies_at:
            raise KilledError
        return losses(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WaveletTask, "losses", mortal)
        with pytest.raises(KilledError):
            train_wavelet(config, [scans], out, threads=1)


@pytest.mark.parametrize("dies_at", [("first", 13), ("second", 12)])
def test_killed_run_goes_on_to_the_same_weights(trained, scans, recipe, tmp_path, dies_at):
    config = load_config(recipe)
    train_until(dies_at, config, scans, tmp_path)
    assert read_checkpoint(tmp_path / CHECKPOINT)["progress"]["step"] == 10
    again = train_wavelet(config, [scans], tmp_path, resume=True, threads=1)
    assert again.model.read_bytes() == (trained / "wavelet-tiny.medm").read_bytes()
    columns = [[row[:2] + row[3:] for row in csv.reader((out / CURVE).open())] for out in (tmp_path, trained)]
    assert columns[0] == columns[1]


def test_runs_are_not_mixed(trained, scans, recipe, tmp_path):
    config = load_config(recipe)
    with pytest.raises(OptionError, match="holds a run of training already; go on with --resume"):
        train_wavelet(config, [scans], trained)
    with pytest.raises(OptionError, match="holds no run of training to go on with"):
        train_wavelet(config, [scans], tmp_path / "empty", resume=True)
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text().replace("warmup = 5", "warmup = 6"))
    with pytest.raises(OptionError, match="has another config"):
        train_wavelet(load_config(other), [scans], trained, resume=True)


def test_mistakes_end_in_one_line(scans, recipe, tmp_path, capsys):
    arguments = ["train", "wavelet", "--config", str(recipe), "--out", str(tmp_path / "out")]
    assert run_cli([*arguments, "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: is not there" in capsys.readouterr().err
    assert run_cli(["train", "wavelet", "--config", "no.toml", "--data", str(scans), "--out", "x"]) == 1
    assert "no.toml: cannot be read as TOML" in capsys.readouterr().err


def test_rate_rises_and_falls():
    rates = [learning_rate(2.0, step / 100, step, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == max(rates[8:12])
    assert rates[-1] < 0.01


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this PyTorch has no gloo")
def test_two_processes_train_as_one(scans, recipe, tmp_path):
    script = Path(__file__).parent / "two_processes.py"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    out = tmp_path / "out"
    done = subprocess.run(
        [*launcher, str(script), str(recipe), str(scans), str(out)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    WaveletModel.from_bytes((out / "wavelet-tiny.medm").read_bytes())
    assert done.stdout.count("stage 1 (first)") == 1, "more than one process writes"
