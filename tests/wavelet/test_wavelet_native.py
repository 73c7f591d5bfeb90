"""The native parts one by one: lifting, the coder of subbands, inputs and outputs of picture networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcodec import _native
from medcodec.codecs.wavelet.quality import FEW_STATES, STATES
from medcodec.codecs.wavelet.subbands import level_count, reduced, subbands, synthesis_norm

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 70)
# Lifting of 9/7 as floats: predict and update factors (Daubechies and Sweldens 1998).
FACTORS = (-1.586134342, -0.05298011854, 0.8829110762, 0.4435068522)


@given(height=sizes, width=sizes, levels=st.integers(0, 6), reversible=st.booleans(), seed=seeds)
def test_lifting_inverts_exactly(height, width, levels, reversible, seed):
    plane = np.random.default_rng(seed).integers(-(2**16), 2**16, (height, width), np.int32)
    lifted = plane.copy()
    _native.lift_forward(lifted, levels=levels, reversible=reversible)
    _native.lift_inverse(lifted, levels=levels, reversible=reversible)
    assert np.array_equal(lifted, plane)


def float_lifting(values, factors):
    """Return low and high samples of rows, mirrored at both ends."""
    low, high = values[:, 0::2].copy(), values[:, 1::2].copy()
    for number, factor in enumerate(factors):
        if number % 2 == 0:
            right = np.concatenate([low[:, 1:], low[:, -1:]], axis=1)[:, : high.shape[1]]
            high += factor * (low[:, : high.shape[1]] + right)
        else:
            left = np.concatenate([high[:, :1], high], axis=1)[:, : low.shape[1]]
            right = np.concatenate([high, high[:, -1:]], axis=1)[:, : low.shape[1]]
            low += factor * (left + right)
    return np.concatenate([low, high], axis=1)


@given(height=st.integers(2, 40), width=st.integers(2, 40), seed=seeds)
def test_lifting_is_that_of_the_two_wavelets(height, width, seed):
    plane = np.random.default_rng(seed).integers(-1000, 1000, (height, width), np.int32)
    for reversible, factors in ((True, (-0.5, 0.25)), (False, FACTORS)):
        lifted = plane.copy()
        _native.lift_forward(lifted, levels=1, reversible=reversible)
        expected = float_lifting(float_lifting(plane.astype(float).T, factors).T, factors)
        assert np.abs(lifted - expected).max() < 6


@given(height=st.integers(2, 40), width=st.integers(2, 40), seed=seeds)
def test_a_transposed_level_is_that_of_the_inverse(height, width, seed):
    random = np.random.default_rng(seed)
    coefficients, picture = random.integers(-10_000, 10_000, (2, height, width), np.int32)
    made, seen = coefficients.copy(), picture.copy()
    _native.lift_inverse(made, levels=1, reversible=False)
    _native.lift_transposed(seen)
    one, other = (made * picture.astype(float)).sum(), (coefficients * seen.astype(float)).sum()
    assert abs(one - other) < 6e4 * height * width  # sums are rounded at each of eight steps


def test_lifting_is_bior44_up_to_its_scale():
    pywt = pytest.importorskip("pywt")
    plane = np.random.default_rng(2).integers(-20_000, 20_000, (1, 128), np.int32)
    lifted = plane.copy()
    _native.lift_forward(lifted, levels=1, reversible=False)
    low, high = pywt.dwt(plane[0].astype(float), "bior4.4", mode="symmetric")
    for mine, theirs in ((lifted[0, 4:60], low), (lifted[0, 68:124], high)):
        best = max(
            abs(np.corrcoef(mine, theirs[shift : shift + 56])[0, 1]) for shift in range(len(theirs) - 55)
        )
        assert best > 0.999999


@given(height=sizes, width=sizes, skip=st.integers(0, 6), seed=seeds)
def test_skipping_levels_leaves_the_low_band(height, width, skip, seed):
    plane = np.random.default_rng(seed).integers(-999, 999, (height, width), np.int32)
    small, whole = plane.copy(), plane.copy()
    _native.lift_forward(small, levels=skip, reversible=True)
    _native.lift_forward(whole, levels=6, reversible=True)
    _native.lift_inverse(whole, levels=6, reversible=True, skip=skip)
    corner = (slice(0, reduced(height, skip)), slice(0, reduced(width, skip)))
    assert np.array_equal(small[corner], whole[corner])


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_subbands_tile_the_plane(height, width):
    cover = np.zeros((height, width), int)
    for band in subbands(height, width):
        cover[band.rows, band.columns] += 1
    assert (cover == 1).all()
    keys = [band.key for band in subbands(height, width)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_norms_are_those_of_the_inverse_transform(levels):
    bands = [(0, levels - 1), *((orientation, level) for orientation in (1, 2, 3) for level in range(levels))]
    for orientation, level in bands:
        norm = synthesis_norm(orientation, level, levels)
        # An orthonormal transform would have 2^-k; without scaling low bands count for more, high ones less.
        assert 0.1 < norm < 2.0 ** (level + 2)
    assert level_count(300, 300) == 6
    size, unit = 256, 4096
    band = next(band for band in subbands(size, size) if band.key == (1, 2))
    plane = np.zeros((size, size), np.int32)
    plane[band.rows.start + 12, band.columns.start + 12] = unit
    _native.lift_inverse(plane, levels=level_count(size, size), reversible=False)
    length = np.sqrt((plane.astype(float) ** 2).sum()) / unit
    assert length == pytest.approx(synthesis_norm(1, 2, level_count(size, size)), rel=0.02)


def surroundings(random, height, width, orientation, *, predicted, states):
    """Return random neighbours, some missing, some a row or a column off, as odd pictures have them."""

    def plane(rows, columns, lowest=-3, highest=4):
        if random.random() < 0.3:
            return None
        values = random.integers(lowest, highest, (rows, columns), np.int32)
        values[random.random(values.shape) < 0.1] *= 5000
        return np.ascontiguousarray(values)

    blocks = (-(-height // 8), -(-width // 8))
    return {
        "orientation": orientation,
        "level": int(random.integers(6)),
        "layer": int(random.integers(6)),
        "states": states,
        "parent": plane((height + 1) // 2, (width + 1) // 2),
        "sibling_a": plane(height, width + int(random.integers(2))),
        "sibling_b": plane(height + int(random.integers(2)), width),
        "near_a": plane(height, width),
        "near_b": plane(height, width),
        "other_parent_a": plane((height + 1) // 2, (width + 1) // 2),
        "other_parent_b": plane((height + 1) // 2, (width + 1) // 2),
        "predicted": random.integers(0, 2, blocks, np.uint8) if predicted else None,
        "predicted_parent": random.integers(0, 2, (-(-blocks[0] // 2), -(-blocks[1] // 2)), np.uint8)
        if predicted
        else None,
    }


def further_features(around, shape):
    """Return what larger networks also see, written a second time."""
    half = [(size + 1) // 2 for size in shape]

    def companded(levels):
        sizes = np.minimum(np.abs(levels), 4095)
        return (np.sign(levels) * np.minimum(np.round(16 * np.log2(1 + sizes)), 127)).astype(np.int16)

    def phases(plane):
        whole = np.zeros([2 * size for size in half], np.int16)
        if plane is not None:
            whole[: shape[0], : shape[1]] = companded(plane[: shape[0], : shape[1]])
        return [whole[y::2, x::2] for y, x in ((0, 0), (1, 1), (0, 1), (1, 0))]

    def constant(value):
        return np.full(half, value, np.int16)

    parents = [around["other_parent_a"], around["other_parent_b"]]
    blocks = around["predicted"]
    flags = constant(0)
    if blocks is not None:
        flags = np.kron(blocks * 128 - 64.0, np.ones((4, 4)))[: half[0], : half[1]].astype(np.int16)
    return np.stack(
        [
            *phases(around["sibling_a"]),
            *phases(around["sibling_b"]),
            *(constant(0) if parent is None else companded(parent) for parent in parents),
            flags,
            constant(16 * around["level"]),
            constant(16 * around["layer"]),
        ]
    )


class Bands:
    """Random bands to be coded one after the other, in segments."""

    def __init__(self, seed, count, networks):
        random = np.random.default_rng(seed)
        self.bands = []
        for _ in range(count):
            height, width = (int(size) for size in random.integers(1, 40, 2))
            scale = 10.0 ** random.uniform(0, 5)
            values = np.clip(random.laplace(0, scale, (height, width)), -(2**29), 2**29).astype(np.int32)
            predicted, dependent = (bool(flag) for flag in random.random(2) < 0.5)
            states = STATES if dependent else 0
            orientation = int(random.integers(4))
            around = surroundings(random, height, width, orientation, predicted=predicted, states=states)
            logits = None
            if networks:
                size = (_native.SUBBAND_HEADS, (height + 1) // 2, (width + 1) // 2)
                logits = random.integers(-32768, 32767, size, np.int16, endpoint=True)
            self.bands.append((values, around, logits))
        self.cuts = set(random.integers(0, count, 2).tolist()) | {count - 1}
        self.weight = int(random.choice([0, 0, 400, 5000]))

    def encode(self, trained):
        coder = _native.SubbandEncoder(trained=trained)
        segments, coded = [], []
        for number, (values, around, logits) in enumerate(self.bands):
            levels = np.empty_like(values)
            if coder.begin(levels, values, **around):
                for step in range(4):
                    coder.step(step, logits, lambda_=self.weight)
            coded.append(levels)
            if number in self.cuts:
                segments.append(coder.flush())
        return segments, coded

    def decode(self, segments, trained):
        coder = _native.SubbandDecoder(trained=trained)
        waiting = list(segments)
        coder.feed(waiting.pop(0))
        decoded = []
        for number, (values, around, logits) in enumerate(self.bands):
            levels = np.full_like(values, 77)
            blank = {**around}
            if around["predicted"] is not None:
                blank["predicted"] = np.zeros_like(around["predicted"])
            if coder.begin(levels, **blank):
                for step in range(4):
                    half = [(size + 1) // 2 for size in levels.shape]
                    some, more = (np.empty((count, *half), np.int16) for count in _native.SUBBAND_FEATURES)
                    coder.features(step, some)
                    coder.features(step, more)
                    assert np.abs(more).max() <= 127
                    assert np.array_equal(more[: len(some)], some)
                    assert np.array_equal(more[len(some) :], further_features(around, levels.shape))
                    coder.step(step, logits)
            decoded.append((levels, blank["predicted"]))
            if number in self.cuts and waiting:
                assert coder.plausible()
                coder.feed(waiting.pop(0))
        return decoded, coder.plausible()


@given(seed=seeds, count=st.integers(1, 6), networks=st.booleans())
@settings(max_examples=60)
def test_subbands_decode_to_what_was_coded(seed, count, networks):
    bands = Bands(seed, count, networks)
    segments, coded = bands.encode(networks)
    decoded, plausible = bands.decode(segments, networks)
    assert plausible
    for (values, around, _), levels, (found, predicted) in zip(bands.bands, coded, decoded, strict=True):
        assert np.array_equal(found, levels)
        if predicted is not None:
            assert np.array_equal(predicted, around["predicted"])
        nearest = np.sign(values) * ((np.abs(values.astype(np.int64)) + 32) >> 6)
        if not around["states"]:
            assert np.array_equal(levels, nearest)
        assert (np.abs(levels - nearest) <= np.maximum(2, np.abs(nearest))).all()


# The next state by the parity of a level; odd states have the quantiser that is shifted.
NEXT_OF_FEW = ((0, 2), (5, 7), (1, 3), (6, 4), (2, 0), (4, 6), (3, 1), (7, 5))


def next_state(states, state, parity):
    if states == FEW_STATES:
        return NEXT_OF_FEW[state][parity]
    return state // 2 ^ 124 * (state % 2) ^ 56 * parity


@given(
    seed=seeds,
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    states=st.sampled_from([STATES, FEW_STATES]),
)
def test_half_steps_follow_the_states(seed, height, width, states):
    levels = np.random.default_rng(seed).integers(-3, 4, (height, width), np.int32)
    wanted, state = np.zeros_like(levels), 0
    for row, column in ((0, 0), (1, 1), (0, 1), (1, 0)):
        for y in range(row, height, 2):
            for x in range(column, width, 2):
                wanted[y, x] = 2 * levels[y, x] - np.sign(levels[y, x]) * (state % 2)
                state = next_state(states, state, int(levels[y, x] & 1))
    found = np.empty_like(levels)
    _native.half_steps(levels, states, False, found)
    assert np.array_equal(found, wanted)
    found = np.empty((width, height), np.int32)
    _native.half_steps(np.ascontiguousarray(levels.T), states, True, found)
    assert np.array_equal(found.T, wanted)


def test_a_trellis_lowers_the_error_of_the_same_steps():
    random = np.random.default_rng(2)
    values = random.normal(0, 640, (64, 64)).astype(np.int32)
    around = surroundings(random, 64, 64, 3, predicted=False, states=STATES)
    levels, halves = np.empty_like(values), np.empty_like(values)
    coder = _native.SubbandEncoder(trained=False)
    assert coder.begin(levels, values, **around)
    for step in range(4):
        coder.step(step, None, lambda_=0)
    _native.half_steps(levels, STATES, False, halves)
    error = ((32.0 * halves - values) ** 2).mean()
    assert 10 * np.log10(64**2 / 12 / error) > 1.1  # of the 1.53 dB that are possible


@given(data=st.binary(max_size=300), seed=seeds)
@settings(max_examples=60)
def test_hostile_segments_decode_to_something(data, seed):
    bands = Bands(seed, 3, networks=True)
    coder = _native.SubbandDecoder(trained=True)
    coder.feed(data)
    for values, around, logits in bands.bands:
        levels = np.empty_like(values)
        if coder.begin(levels, **around):
            for step in range(4):
                coder.step(step, logits)
        assert np.abs(levels.astype(np.int64)).max() < 1 << 28
    coder.plausible()


@pytest.mark.parametrize(
    "wrong",
    [
        {"orientation": 4},
        {"level": 8},
        {"layer": -1},
        {"states": 16},
        {"parent": np.zeros((9, 9), np.int32)},
    ],
)
def test_bands_that_do_not_fit_are_refused(wrong):
    around = {**surroundings(np.random.default_rng(1), 8, 8, 1, predicted=False, states=STATES), **wrong}
    with pytest.raises(ValueError, match=r"range|shape|trellis"):
        _native.SubbandDecoder(trained=False).begin(np.zeros((8, 8), np.int32), **around)
    with pytest.raises(ValueError, match="begun"):
        _native.SubbandDecoder(trained=False).step(0, None)


def apart(picture):
    """Return the four phases of a picture, its last row or column repeated where it is odd."""
    even = np.pad(picture, [(0, size % 2) for size in picture.shape], mode="edge")
    return np.stack([even[y::2, x::2] for y in (0, 1) for x in (0, 1)])


def detail(picture):
    """Return the difference to the mean of 9 x 9 pixels, borders repeated, times 81."""
    padded = np.pad(picture.astype(np.int64), 4, mode="edge")
    height, width = picture.shape
    sums = sum(padded[y : y + height, x : x + width] for y in range(9) for x in range(9))
    return 81 * picture.astype(np.int64) - sums


def quotient(values, divisor):
    """Return the nearest integers, halves up, limited to -127 to 127; no half is missed in integers."""
    return np.clip((2 * values.astype(np.int64) + divisor) // (2 * divisor), -127, 127)


@given(height=st.integers(1, 30), width=st.integers(1, 30), step=st.integers(1, 9000), seed=seeds)
def test_inputs_of_picture_networks(height, width, step, seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 65536, (2, height, width), np.int32)
    shape = ((height + 1) // 2, (width + 1) // 2)
    fuse = np.empty((_native.FUSE_FEATURES, *shape), np.int16)
    _native.fuse_features(first, second, fuse, step=step)
    apart_by, twice = 32 * apart(first - second), 32 * apart(detail(first + second))
    parts = [(apart_by, step), (twice, 81 * step), (apart_by, 8 * step), (twice, 8 * 81 * step)]
    assert np.array_equal(fuse, np.concatenate([quotient(*part) for part in parts]))
    fine, added = 128 * apart(detail(first)), 128 * apart(first - second)
    parts = [
        (fine, 81 * step),
        (fine, 8 * 81 * step),
        (added, step),
        (8 * fine, 81 * step),
        (8 * added, step),
    ]
    expected = np.concatenate([quotient(*part) for part in parts])
    for count in _native.ENHANCE_FEATURES:
        enhance = np.empty((count, *shape), np.int16)
        _native.enhance_features(first, second, enhance, step=step)
        assert np.array_equal(enhance, expected[:count])
    postfilter = np.empty((_native.POSTFILTER_FEATURES, *shape), np.int16)
    for previous, following in ((second, None), (None, second), (None, None), (second, first)):
        _native.postfilter_features(first, previous, following, postfilter, step=step)
        others = [
            512 * apart(0 * first if other is None else other - first) for other in (previous, following)
        ]
        parts = [(4 * fine, 81 * step), (4 * fine, 8 * 81 * step), *((other, step) for other in others)]
        assert np.array_equal(postfilter, np.concatenate([quotient(*part) for part in parts]))


@given(height=st.integers(1, 30), width=st.integers(1, 30), step=st.integers(1, 1 << 24), seed=seeds)
def test_corrections_of_picture_networks(height, width, step, seed):
    random = np.random.default_rng(seed)
    top = int(random.integers(1, 65536))
    base = random.integers(0, top + 1, (height, width), np.int32)
    correction = random.integers(-32768, 32768, (4, (height + 1) // 2, (width + 1) // 2), np.int16)
    out = np.empty_like(base)
    _native.add_correction(base, correction, out, step=step, top=top)
    y, x = np.indices(base.shape)
    change = correction[y % 2 * 2 + x % 2, y // 2, x // 2].astype(np.int64) * step
    assert np.array_equal(out, np.clip(base + ((change + 4096) >> 13), 0, top))
