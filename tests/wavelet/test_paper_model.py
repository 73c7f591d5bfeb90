"""pMCTF-L as published: its size, its quality scales, and what a forward pass gives."""

from __future__ import annotations

import math
import sys

import pytest

from medcodec.errors import MissingDependencyError, OptionError, UnsupportedDataError
from medcodec.training.schedule import PAPER_SCHEDULE

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")

from medcodec.codecs.wavelet.paper import PaperWavelet, context, rate_distortion_lambda, subbands
from medcodec.codecs.wavelet.paper.model import BIT_PARTS
from medcodec.codecs.wavelet.paper.quality import interpolate


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def model() -> PaperWavelet:
    torch.manual_seed(0)
    return PaperWavelet(levels=1)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> PaperWavelet:
    """Return the model with narrow coders of subbands: all its parts, in a fraction of the time."""
    monkeypatch.setattr(context, "DETAIL_CHANNELS", 8)
    monkeypatch.setattr(context, "LOWPASS_CHANNELS", 8)
    monkeypatch.setattr(subbands, "POST_CHANNELS", 8)
    torch.manual_seed(0)
    return PaperWavelet(levels=1)


def test_sizes_are_the_published_ones() -> None:
    with torch.device("meta"):
        model = PaperWavelet()
    assert count(model) == 74_210_116
    assert count(model.low) == count(model.high) == 31_490_468
    assert count(model.low.lifting) == 19_796


def test_group_of_any_size_is_estimated_and_trains_every_part(narrow: PaperWavelet) -> None:
    group = torch.linspace(0, 255, 4 * 100 * 72).reshape(1, 4, 100, 72)
    estimate = narrow.train()(group, 10.5)
    assert estimate.reconstruction.shape == group.shape
    assert estimate.reconstruction.isfinite().all()
    assert set(estimate.bits) == set(BIT_PARTS)
    assert (estimate.bits["low"][0] > 0).tolist() == [True, False, False, False]
    assert (estimate.bits["high"][0] > 0).tolist() == [False, True, True, True]
    assert (estimate.bits["motion_hyper"][0] > 0).tolist() == [False, True, True, True]
    assert estimate.total_bits.isfinite().all()

    motion = list(narrow.levels[0].motion.decoder.parameters())
    by_prediction = torch.autograd.grad(estimate.prediction_error.sum(), motion, retain_graph=True)
    assert any(gradient.any() for gradient in by_prediction)

    loss = estimate.total_bits.mean() + (estimate.reconstruction - group).square().mean()
    trained = list(narrow.part_parameters("all"))
    gradients = torch.autograd.grad(loss, trained, allow_unused=True)
    names = {id(parameter): name for name, parameter in narrow.named_parameters()}
    assert [names[id(one)] for one, grad in zip(trained, gradients, strict=True) if grad is None] == []
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_key_frame_alone(model: PaperWavelet) -> None:
    with torch.no_grad():
        estimate = model.eval()(torch.full((1, 1, 1, 1), 100.0), torch.tensor([20.0]))
    assert estimate.reconstruction.shape == (1, 1, 1, 1)
    assert estimate.total_bits.item() == estimate.bits["low"].item() > 0


def test_unusable_groups_are_refused(model: PaperWavelet) -> None:
    with pytest.raises(UnsupportedDataError, match="power of two"):
        model(torch.zeros(1, 3, 8, 8), 0)
    with pytest.raises(UnsupportedDataError, match="shape"):
        model(torch.zeros(3, 8, 8), 0)
    with pytest.raises(OptionError, match="quality index"):
        model(torch.zeros(1, 1, 8, 8), 20.5)
    with pytest.raises(OptionError, match="motion_downsampling"):
        model(torch.zeros(1, 1, 8, 8), 0, motion_downsampling=3)


def test_quality_follows_equation_1() -> None:
    assert rate_distortion_lambda(0) == pytest.approx(0.003)
    assert rate_distortion_lambda(10) == pytest.approx(math.sqrt(0.003 * 0.081))
    assert rate_distortion_lambda(20) == pytest.approx(0.081)
    bounds = torch.tensor([0.25, 4.0]).reshape(2, 1, 1, 1)
    torch.testing.assert_close(
        interpolate(bounds, torch.tensor([0.0, 5.0, 20.0])).flatten(), torch.tensor([0.25, 0.5, 4.0])
    )
    for outside in (-0.1, 20.1, math.nan):
        with pytest.raises(OptionError, match="quality index"):
            rate_distortion_lambda(outside)


def test_every_stage_of_the_schedule_trains_something() -> None:
    with torch.device("meta"):
        model = PaperWavelet(levels=4)
    flow = {id(parameter) for parameter in model.flow.parameters()}
    for stage in PAPER_SCHEDULE:
        trained = {id(parameter) for parameter in model.part_parameters(stage.trainable)}
        assert trained
        assert not trained & flow
        assert stage.frames <= 2 ** len(model.levels)
    assert len(trained | flow) == len(list(model.parameters()))
    with pytest.raises(OptionError, match="no part"):
        list(model.part_parameters("flow"))


def test_levels_start_as_copies() -> None:
    model = PaperWavelet(levels=2)
    with torch.no_grad():
        model.levels[0].layer_scale.fill_(3)
    model.copy_level(0, first=1)
    ours, copied = (level.state_dict() for level in model.levels)
    assert [name for name in ours if not torch.equal(ours[name], copied[name])] == ["layer_scale"]


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("medcodec.codecs.wavelet.paper")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"medcodec\[torch\]"):
        import medcodec.codecs.wavelet.paper  # noqa: F401
