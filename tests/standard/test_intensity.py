"""The intensity mapping: exact where the range fits, within a step elsewhere, recorded as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medcodec.codecs.standard import mapping
from medcodec.errors import FormatError, OptionError, UnsupportedDataError

INTEGERS = [np.dtype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")]
VIDEO = (8, 10, 12)


@st.composite
def integer_voxels(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(st.sampled_from(INTEGERS))
    return draw(hnp.arrays(dtype, st.integers(1, 20), elements=hnp.from_dtype(dtype)))


@given(integer_voxels(), st.booleans())
def test_any_integers_come_back_within_a_step(voxels: np.ndarray, shift: bool) -> None:
    chosen = mapping.choose(voxels, "shift" if shift else "auto", VIDEO, exact=False, codec="x")
    samples = chosen.forward(voxels)
    assert samples.max() < 1 << chosen.bits
    back = chosen.backward(samples, voxels.dtype)
    worst = max(abs(int(a) - int(b)) for a, b in zip(voxels, back, strict=True))
    # The very greatest values share the last sample.
    assert worst == 0 if chosen.exact else worst < chosen.step
    span = int(voxels.max()) - int(voxels.min())
    assert chosen.exact == (span < 1 << 12)
    assert chosen.exact or span >> 13 < chosen.step


@given(integer_voxels())
def test_exact_is_exact_or_refused(voxels: np.ndarray) -> None:
    if int(voxels.max()) - int(voxels.min()) >= 1 << 12:
        with pytest.raises(UnsupportedDataError):
            mapping.choose(voxels, "auto", VIDEO, exact=True, codec="x")
        return
    chosen = mapping.choose(voxels, "auto", VIDEO, exact=True, codec="x")
    again = mapping.Mapping.parse(chosen.pack(voxels.dtype), voxels.dtype)
    assert again == chosen
    assert np.array_equal(again.backward(again.forward(voxels), voxels.dtype), voxels)


@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e6, 1e6, width=32)))
def test_floats_come_back_within_half_a_step(voxels: np.ndarray) -> None:
    chosen = mapping.choose(voxels, "auto", VIDEO, exact=False, codec="x")
    chosen = mapping.Mapping.parse(chosen.pack(voxels.dtype), voxels.dtype)
    back = chosen.backward(chosen.forward(voxels), voxels.dtype).astype(float)
    half = chosen.step / 2 + np.spacing(np.float32(np.abs(voxels).max()))
    assert np.abs(back - voxels).max() <= half


def test_window_clips_and_counts_its_loss() -> None:
    voxels = np.arange(-1000, 3000, dtype=np.int16)
    chosen = mapping.choose(voxels, "window:-200:300", VIDEO, exact=False, codec="x")
    back = chosen.backward(chosen.forward(voxels), voxels.dtype)
    inside = (voxels >= -200) & (voxels <= 300)
    assert np.array_equal(back[inside], voxels[inside])
    assert back.min() == -200
    assert mapping.loss(chosen, voxels).max_error >= 2000


def test_percentile_is_a_window_of_the_whole_volume() -> None:
    voxels = np.arange(10001, dtype=np.uint16)
    assert mapping.resolve("percentile:1", voxels) == "window:100:9900"
    assert mapping.resolve("auto", voxels) == "auto:0:10000"


@pytest.mark.parametrize(
    "text", ["gamma", "window", "window:5:1", "window:a:b", "percentile:60", "percentile:x"]
)
def test_malformed_intensity_is_refused(text: str) -> None:
    with pytest.raises(OptionError):
        mapping.resolve(text, np.arange(10))


def test_malformed_mapping_is_refused() -> None:
    good = mapping.Mapping(mapping.OFFSET, -5, 1, 12).pack(np.dtype("i2"))
    for bad in (
        b"\x09" + good[1:],
        good[:1] + b"\x30" + good[2:],
        good[:2] + b"\xff" * 7 + b"\x7f" + good[10:],
    ):
        with pytest.raises(FormatError):
            mapping.Mapping.parse(bad, np.dtype("i2"))
