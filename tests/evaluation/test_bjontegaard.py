import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcodec.errors import OptionError, UnsupportedDataError
from medcodec.evaluation.bjontegaard import bd_psnr, bd_rate

pytest.importorskip("scipy")

# The example of the package's page, and the one that circulates with the original cubic method.
EXAMPLES = [
    (
        [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)],
        [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)],
    ),
    (
        [(686.76, 40.28), (309.58, 37.18), (157.11, 34.24), (85.95, 31.42)],
        [(893.34, 40.39), (407.8, 37.21), (204.93, 34.17), (112.75, 31.24)],
    ),
]


@pytest.mark.parametrize("method", ["pchip", "cubic"])
@pytest.mark.parametrize(("anchor", "test"), EXAMPLES)
def test_agrees_with_the_public_package(anchor, test, method):
    package = pytest.importorskip("bjontegaard")
    columns = [list(column) for points in (anchor, test) for column in zip(*points, strict=True)]
    assert bd_rate(anchor, test, method=method).value == pytest.approx(
        package.bd_rate(*columns, method=method), abs=1e-9
    )
    assert bd_psnr(anchor, test, method=method).value == pytest.approx(
        package.bd_psnr(*columns, method=method), abs=1e-9
    )


# What bjontegaard 1.3.0 gives, kept for where the package is not installed.
@pytest.mark.parametrize(
    ("example", "method", "rate", "psnr"),
    [
        (0, "pchip", -4.417485, 0.119693),
        (0, "cubic", -4.420463, 0.120409),
        (1, "pchip", 31.379878, -1.183472),
        (1, "cubic", 31.397374, -1.184898),
    ],
)
def test_known_values(example, method, rate, psnr):
    anchor, test = EXAMPLES[example]
    assert bd_rate(anchor, test, method=method).value == pytest.approx(rate, abs=1e-6)
    assert bd_psnr(anchor, test, method=method).value == pytest.approx(psnr, abs=1e-6)


@given(st.floats(0.2, 5), st.sampled_from(["pchip", "cubic"]))
def test_a_codec_that_needs_c_times_the_rate_has_that_bd_rate(factor, method):
    anchor, _ = EXAMPLES[0]
    scaled = [(factor * rate, quality) for rate, quality in anchor]
    delta = bd_rate(anchor, scaled, method=method)
    assert delta.value == pytest.approx(100 * (factor - 1), abs=1e-6)
    assert delta.overlap == pytest.approx(1)
    assert not delta.warning


def test_order_of_points_does_not_matter_and_lossless_points_are_left_out():
    anchor, test = EXAMPLES[0]
    expected = bd_rate(anchor, test).value
    assert bd_rate(anchor[::-1], [*test, (30000.0, math.inf)]).value == pytest.approx(expected)


def test_small_overlap_warns_and_smaller_is_refused():
    anchor = [(100.0, 30.0), (200.0, 33.0), (400.0, 36.0), (800.0, 39.0)]
    shifted = [(rate, quality + 5) for rate, quality in anchor]
    assert "29%" in bd_rate(anchor, shifted).warning
    with pytest.raises(UnsupportedDataError, match="share"):
        bd_rate(anchor, [(rate, quality + 9) for rate, quality in anchor])


def test_curves_that_give_no_answer_are_refused():
    anchor, test = EXAMPLES[0]
    with pytest.raises(UnsupportedDataError, match="lossy points"):
        bd_rate(anchor, test[:3], method="cubic")
    with pytest.raises(UnsupportedDataError, match="rise"):
        bd_rate(anchor, [*test, (20000.0, 39.0)])
    with pytest.raises(OptionError, match="pchip or cubic"):
        bd_rate(anchor, test, method="akima")


def test_high_qualities_alone():
    anchor = [(1.0, 30.0), (2.0, 40.0), (4.0, 50.0)]
    # As good up to 40 dB, and then at 80 % of the rate.
    test = [(1.0, 30.0), (2.0, 40.0), (2.3, 45.0), (3.2, 50.0)]
    high = bd_rate(anchor, test, least_db=45)
    assert (high.low, high.high, high.overlap) == (45, 50, 1)
    assert high.value < bd_rate(anchor, test).value < 0
    with pytest.raises(UnsupportedDataError, match="share 0%"):
        bd_rate(anchor, test, least_db=60)
