"""Official checkpoints: the right ones load, wrong ones are refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")

from official_shapes import official_shapes

from medcodec.codecs.wavelet.paper import PaperWavelet, load_official
from medcodec.codecs.wavelet.paper.official import official_names
from medcodec.errors import FormatError, ModelMissingError

State = dict[str, Any]


def shared(shapes: dict[str, tuple[int, ...]]) -> State:
    """Return a state without content of its own, small in a file whatever its shapes."""
    one = torch.zeros(1)
    return {name: one.expand(shape) for name, shape in shapes.items()}


def saved(state: object, folder: Path) -> Path:
    path = folder / "checkpoint.pth.tar"
    torch.save(state, path)
    return path


def test_names_and_shapes_are_the_official_ones() -> None:
    with torch.device("meta"):
        model = PaperWavelet()
    names = official_names(model)
    ours = {names[name]: tuple(values.shape) for name, values in model.state_dict().items()}
    assert len(ours) == len(names)
    # Columns share the transform of rows.
    assert ours == {name: shape for name, shape in official_shapes(3).items() if ".lift_v." not in name}


def test_random_checkpoint_loads(tmp_path: Path) -> None:
    state = {name: torch.empty(shape).uniform_(0, 0.01) for name, shape in official_shapes(1).items()}
    state |= {name.replace("lift_h", "lift_v"): values for name, values in state.items() if "lift_h" in name}
    wrapped = {"epoch": 17, "state_dict": {f"module.{name}": values for name, values in state.items()}}
    model = load_official(saved(wrapped, tmp_path))
    assert len(model.levels) == 1
    assert not model.training
    loaded = model.state_dict()
    for name, official in official_names(model).items():
        assert torch.equal(loaded[name], state[official]), name
    assert torch.equal(
        model.levels[0].motion.prior.adapt[2].bias, state["mv_y_spatial_prior_adaptor_3.0.bias"]
    )
    assert torch.equal(
        model.high.details[1]["hl"].coarser.bias,
        state["hp_coder.context_fusion.1.hl.lower_level_subband.1.bias"],
    )


def test_wrong_checkpoints_are_refused(tmp_path: Path) -> None:
    shapes = official_shapes(1)
    wrong = dict(shapes)
    del wrong["lp_coder.QP"]
    wrong["hp_coder.QP_ll"] = (21, 1, 1, 1)
    wrong["lp_coder.extra"] = (1,)
    with pytest.raises(FormatError) as caught:
        load_official(saved(shared(wrong), tmp_path))
    text = str(caught.value)
    assert "checkpoint.pth.tar" in text
    assert "lp_coder.QP is missing" in text
    assert "hp_coder.QP_ll has shape (21, 1, 1, 1), not (2, 1, 1, 1)" in text
    assert "lp_coder.extra is unknown" in text

    coder = {name.removeprefix("lp_coder."): shape for name, shape in shapes.items() if "lp_coder." in name}
    with pytest.raises(FormatError, match="0 motion encoders"):
        load_official(saved(shared(coder), tmp_path))
    with pytest.raises(FormatError, match=r"and \d+ more"):
        load_official(saved({"mv_encoder.0.x": 1}, tmp_path))
    with pytest.raises(FormatError, match="motion encoders"):
        load_official(saved({"mv_encoder.99999.x": 1}, tmp_path))


def test_transform_of_columns_must_be_that_of_rows(tmp_path: Path) -> None:
    state = shared(official_shapes(1))
    name = "lp_coder.wavelet_transform.lift_v.P_1.conv1.bias"
    state[name] = torch.ones(16)
    with pytest.raises(FormatError, match=r"lift_v\.P_1\.conv1\.bias differs from"):
        load_official(saved(state, tmp_path))


class Runs:
    """Something that would run a command if a loader ran what it reads."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_files_that_are_no_data_are_refused(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(FormatError, match="data only"):
        load_official(saved({"state_dict": Runs(mark)}, tmp_path))
    assert not mark.exists()
    noise = tmp_path / "noise.pth"
    noise.write_bytes(b"not a checkpoint")
    with pytest.raises(FormatError, match=r"noise\.pth"):
        load_official(noise)
    whole = saved(shared(official_shapes(1)), tmp_path).read_bytes()
    noise.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"noise\.pth"):
        load_official(noise)
    with pytest.raises(FormatError, match="no state"):
        load_official(saved([1, 2], tmp_path))
    with pytest.raises(ModelMissingError, match="no such file"):
        load_official(tmp_path / "absent.pth")
