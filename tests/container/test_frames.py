from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec.errors import OptionError, UnsupportedDataError
from medcodec.volume.frames import FrameLayout, Grid, frame_axes, frame_layout

RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
DTYPES = [np.dtype(t) for t in ("u1", "i1", "u2", "i2", "i4", "u8", "f4", "f8", "c8", "c16", "?")] + [RGB]


def random_voxels(shape: tuple[int, ...], dtype: np.dtype, order: str) -> np.ndarray:
    raw = np.random.default_rng(1).integers(
        0, 2 if dtype.kind == "b" else 256, (*shape, dtype.itemsize), np.uint8
    )
    return np.asarray(raw.view(dtype)[..., 0] if dtype.itemsize > 1 else raw[..., 0].view(dtype), order=order)


@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=5).map(tuple),
    dtype=st.sampled_from(DTYPES),
    order=st.sampled_from("CF"),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_frames_give_back_every_bit(shape, dtype, order, data):
    voxels = random_voxels(shape, dtype, order)
    axis = data.draw(st.sampled_from([None, *range(len(shape))]))
    layout = frame_layout(voxels, axis)
    frames = layout.to_frames(voxels)
    assert frames.shape == layout.frame_shape
    assert frames.dtype == layout.frame_dtype
    back = layout.from_frames(np.ascontiguousarray(frames))
    assert back.dtype == dtype
    assert back.tobytes() == voxels.tobytes()


@pytest.mark.parametrize("dtype", ["i2", "c8"])
def test_a_three_dimensional_volume_is_not_copied(dtype):
    voxels = np.zeros((4, 5, 6), dtype, order="F")
    assert np.shares_memory(frame_layout(voxels, 2).to_frames(voxels), voxels)


@pytest.mark.parametrize(("order", "width"), [("F", 0), ("C", 1)])
def test_width_is_the_fastest_axis(order, width):
    layout = frame_layout(np.zeros((4, 5, 6), order=order), 2)
    assert layout.width == (width,)
    assert layout.frames == (2,)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((7, 8), [None]),
        ((7, 8, 1), [2]),
        ((7, 8, 9), [2, 1, 0]),
        ((7, 8, 1, 9), [3]),
        ((7, 8, 9, 10), [3, 2]),
        ((7, 8, 9, 1, 3), [4, 2]),
        ((1, 1, 1), [2]),
        ((5,), [None]),
    ],
)
def test_candidates_for_the_frame_axis(shape, axes):
    assert frame_axes(shape) == axes


def test_a_cine_has_a_sequence_per_slice():
    layout = frame_layout(np.zeros((7, 8, 9, 10), order="F"), 3)
    assert layout.frame_shape == (9, 10, 8, 7)


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 4),
    box=st.tuples(*[st.integers(1, 10)] * 4),
)
@settings(max_examples=60, deadline=None)
def test_boxes_cover_every_voxel_once(shape, box):
    grid = Grid.regular(shape, box)
    seen = np.zeros(shape, int)
    for part in grid.boxes():
        seen[part] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("starts", [(1, 3), (0, 3, 3), (0, 9), (), (0, 5, 2)])
def test_cuts_that_do_not_divide_an_axis_are_refused(starts):
    one = range(0, 1, 1)
    with pytest.raises(OptionError):
        Grid((1, 9, 1, 1), (one, starts, one, one))


def test_what_has_no_layout_is_refused():
    with pytest.raises(OptionError, match="frame axis 't'"):
        frame_layout(np.zeros((2, 2, 2)), 3)
    with pytest.raises(UnsupportedDataError):
        frame_layout(np.zeros([1] * 8), 0)
    with pytest.raises(UnsupportedDataError):
        frame_layout(np.zeros((2, 2), "M8[s]"), None).frame_shape  # noqa: B018
    with pytest.raises(OptionError):
        FrameLayout((2, 3), np.dtype("u1"), (2,), (0,), (0,), (1,))
