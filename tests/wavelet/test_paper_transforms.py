"""The transforms of the paper's codec in space and time: where they start, and that they invert."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")

from medcodec.codecs.wavelet.paper.flow import warp
from medcodec.codecs.wavelet.paper.lifting import SpatialLifting
from medcodec.codecs.wavelet.paper.subbands import SubbandCoder
from medcodec.codecs.wavelet.paper.temporal import TemporalLevel

# The filters of CDF 9/7 (bior4.4), from their centre outwards.
LOW = (0.852698679008894, 0.377402855612831, -0.110624404418437, -0.023849465019557, 0.037828455506995)
HIGH = (0.788485616405665, -0.418092273222212, -0.040689417609558, 0.064538882628938)


def filtered(rows: torch.Tensor, taps: tuple[float, ...], first: int) -> torch.Tensor:
    """Filter over rows and keep every other, from `first` on."""
    shifted = (tap * (rows.roll(k, 0) + rows.roll(-k, 0)) for k, tap in enumerate(taps) if k)
    return (taps[0] * rows + sum(shifted))[first::2]


def test_without_corrections_it_is_cdf_9_7() -> None:
    torch.manual_seed(0)
    lifting = SpatialLifting().double()
    for step in (lifting.predict1, lifting.update1, lifting.predict2, lifting.update2):
        torch.nn.init.zeros_(step.correction.conv4.weight)
        torch.nn.init.zeros_(step.correction.conv4.bias)
    plane = torch.rand(64, 64, dtype=torch.float64)
    bands = lifting.analyse(plane[None, None])[0]
    inside = slice(3, -3)
    for band, (down, across) in {"lh": (LOW, HIGH), "hl": (HIGH, LOW), "hh": (HIGH, HIGH)}.items():
        rows = filtered(plane, down, int(down is HIGH))
        expected = filtered(rows.T, across, int(across is HIGH)).T
        torch.testing.assert_close(bands[band][0, 0][inside, inside], expected[inside, inside])


def test_it_keeps_constants_in_the_lowpass() -> None:
    lifting = SpatialLifting().double()
    for step in (lifting.predict1, lifting.update1, lifting.predict2, lifting.update2):
        torch.nn.init.zeros_(step.correction.conv4.weight)
        torch.nn.init.zeros_(step.correction.conv4.bias)
    levels = lifting.analyse(torch.ones(1, 1, 64, 96, dtype=torch.float64))
    # The gain of four levels in two dimensions, edges included.
    torch.testing.assert_close(
        levels[-1]["ll"], torch.full((1, 1, 4, 6), 16.0, dtype=torch.float64), rtol=1e-6, atol=0
    )
    assert all(bands[name].abs().max() < 1e-5 for bands in levels for name in ("lh", "hl", "hh"))


def test_space_inverts_with_corrections() -> None:
    torch.manual_seed(0)
    lifting = SpatialLifting().double()
    plane = 255 * torch.rand(2, 1, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(lifting.synthesise(lifting.analyse(plane)), plane)


@pytest.mark.parametrize("lossless", [False, True])
def test_time_inverts(lossless: bool) -> None:
    torch.manual_seed(0)
    level = TemporalLevel(lossless=lossless).double()
    reference, frame = torch.randint(0, 256, (2, 1, 1, 40, 56)).double()
    flow = 6 * torch.rand(1, 2, 40, 56, dtype=torch.float64) - 3
    with torch.no_grad():
        low, high = level.analyse(reference, frame, flow)
        assert not torch.equal(low, reference)
        again = level.synthesise(low, high, flow)
    if lossless:
        assert torch.equal(high, high.round())
        assert torch.equal(low, low.round())
    torch.testing.assert_close(torch.stack(again), torch.stack([reference, frame]))


def test_lossless_planes_come_back() -> None:
    torch.manual_seed(0)
    coder = SubbandCoder(lossless=True).eval()
    plane = torch.randint(-300, 300, (1, 1, 64, 64)).float()
    with torch.no_grad():
        decoded, bits = coder(plane, 3)
    assert torch.equal(decoded, plane)
    assert bits.shape == (1,)
    assert bits.item() > 0


def test_finer_steps_cost_more_and_lose_less() -> None:
    torch.manual_seed(0)
    coder = SubbandCoder().eval()
    for layer in (coder.post_filter.leave, coder.lowpass.heads[-1]):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        coder.detail_scale.copy_(torch.tensor([1 / 64, 1.0]).reshape(2, 1, 1, 1))
        coder.lowpass_scale.copy_(coder.detail_scale)
        plane = 255 * torch.rand(1, 1, 64, 64)
        errors = [(coder(plane, q)[0] - plane).square().mean().item() for q in (0, 10, 20)]
        scaled, _ = coder(plane, 0, torch.full((1, 1, 1, 1), 64.0))
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert (scaled - plane).square().mean().item() == pytest.approx(errors[2], rel=1e-3)


def test_warp_reads_where_the_flow_points() -> None:
    plane = torch.arange(20.0).reshape(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0], flow[:, 1] = 1.0, -0.5
    # One to the right, half a row up; the edges are repeated.
    expected = plane[0, 0, :, [1, 2, 3, 4, 4]]
    expected = torch.stack([expected[0], *((expected[row] + expected[row - 1]) / 2 for row in (1, 2, 3))])
    torch.testing.assert_close(warp(plane, flow)[0, 0], expected)
