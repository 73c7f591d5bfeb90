"""The block coder: what goes in comes out, on every path, and damage never does more than fail."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medcodec import _native
from medcodec.codecs.adaptive.blocks import decode_blocks, encode_blocks
from medcodec.errors import FormatError, UnsupportedDataError

DTYPES = ["int8", "uint8", "int16", "uint16", "int32"]


def available_paths():
    probe = np.zeros((1, 1, 1, 2), np.uint8)
    probe[..., 1] = 1
    found = []
    for path in ("scalar", "sse2", "avx2"):
        try:
            _native.blocks_encode(probe, path=path)
        except RuntimeError:
            continue
        found.append(path)
    return found


PATHS = available_paths()


def smooth(shape, peak, seed=1):
    """A moving blob with noise, in integers only: the same array on every machine."""
    s, f, y, x = np.indices(shape, dtype=np.int64)
    state = (s * 7919 + f * 104729 + y * 1299709 + x * 15485863 + seed * 32452843) & 0xFFFFFFFF
    for _ in range(3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        state ^= state >> 13
    bowl = (x - shape[3] // 2 - f) ** 2 + (y - shape[2] // 2 + s) ** 2
    return (peak * 900 // (1000 + bowl)) + (state % (peak // 50 + 1))


def check(voxels, paths=PATHS):
    streams = {encode_blocks(voxels, path=path) for path in paths}
    assert len(streams) == 1
    (stream,) = streams
    for path in paths:
        out = decode_blocks(stream, voxels.shape, voxels.dtype, path=path)
        assert out.dtype == voxels.dtype
        np.testing.assert_array_equal(out, voxels)
    return stream


SHAPES = [
    (1, 1, 1, 1), (1, 1, 1, 2), (5, 1, 1, 1), (1, 7, 1, 1), (1, 1, 300, 1), (1, 1, 1, 300), (3, 5, 1, 1),
    (2, 3, 4, 5), (1, 4, 17, 15), (1, 4, 15, 17), (2, 2, 33, 31), (1, 3, 2, 40), (3, 1, 40, 48),
    (2, 3, 64, 65), (1, 20, 1, 40), (1, 19, 2, 33), (4, 5, 18, 47), (1, 9, 3, 100), (3, 1, 2, 64),
    (1, 27, 21, 33), (20, 2, 17, 20),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip_of_every_shape(shape, dtype):
    check(smooth(shape, 100 if dtype.endswith("int8") else 20000).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 48, 50), (1, 1, 130, 200)])
def test_round_trip_of_noise_over_the_whole_range(dtype, shape):
    limits = np.iinfo(dtype)
    noise = np.random.default_rng(3).integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    stream = check(noise)
    assert len(stream) <= noise.nbytes + 16


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32"])
def test_round_trip_of_extremes(dtype):
    limits = np.iinfo(dtype)
    voxels = np.full((1, 4, 40, 40), limits.min, dtype)
    voxels[:, :, 10:20, 5:33] = limits.max
    voxels[:, 1::2, ::3, ::5] = limits.max
    check(voxels)


@pytest.mark.parametrize("value", [-32768, -1, 0, 77])
def test_constant_groups_take_a_few_bytes(value):
    assert len(check(np.full((2, 3, 40, 50), value, np.int16))) < 16


def test_masked_background_is_nearly_free():
    voxels = np.zeros((1, 8, 256, 256), np.int16)
    voxels[:, :, 100:140, 100:140] = smooth((1, 8, 40, 40), 1000)
    alone = len(encode_blocks(voxels[:, :, 100:140, 100:140]))
    assert len(check(voxels)) < alone + 3000


def test_sparse_values_cost_no_more_than_dense_ones():
    dense = smooth((1, 8, 96, 96), 400).astype(np.int16)
    assert len(check(dense * 50 - 9000)) < len(check(dense)) * 1.02 + 300


def test_frames_and_sequences_serve_as_references():
    frame = smooth((1, 1, 96, 96), 3000)
    again = np.broadcast_to(frame, (2, 4, 96, 96)).astype(np.int16)
    assert len(check(again)) < 1.6 * len(check(frame.astype(np.int16)))


@pytest.mark.parametrize("dtype", ["int64", "uint32", ">i2", ">u2"])
def test_other_integer_dtypes(dtype):
    voxels = smooth((1, 2, 20, 30), 30000).astype(dtype)
    out = decode_blocks(encode_blocks(voxels), voxels.shape, voxels.dtype)
    np.testing.assert_array_equal(out, voxels)
    assert out.dtype == voxels.dtype.newbyteorder("=")


def test_unsupported_data_is_refused():
    with pytest.raises(UnsupportedDataError, match="fit int32"):
        encode_blocks(np.full((1, 1, 1, 1), 2**31, np.int64))
    with pytest.raises(UnsupportedDataError, match="float32"):
        encode_blocks(np.zeros((1, 1, 1, 1), np.float32))
    with pytest.raises(UnsupportedDataError, match="3 axes"):
        encode_blocks(np.zeros((2, 2, 2), np.int16))


shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 20), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes)))
def test_round_trip_of_any_array(voxels):
    check(voxels)


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 15), st.integers(0, 2**32 - 1), st.sampled_from(DTYPES))
def test_round_trip_of_noise_of_any_depth(shape, bits, seed, dtype):
    noise = np.random.default_rng(seed).integers(0, 2 ** min(bits, np.iinfo(dtype).bits - 1), shape)
    check((smooth(shape, 60) // 2 + noise // 2).astype(dtype))


GOLDEN = {
    "uint8": "f1ea20ec4d5e14c576452265af5252a422629f2eb8d79696dd60a2f4fbca58b9",
    "int16": "306808b00aac6030b742bf24fc6b9d8e5dad39d9cf1e90cc94282b2be62a0f0e",
    "int32": "adf895a62c2e325dc7b55acde6e9e5ef94df41827e67cba84a806a76623c77d9",
}


@pytest.mark.parametrize("dtype", GOLDEN)
def test_golden_streams(dtype):
    peak = {"uint8": 200, "int16": 3000, "int32": 1 << 22}[dtype]
    stream = check(smooth((2, 3, 70, 90), peak).astype(dtype))
    assert hashlib.sha256(stream).hexdigest() == GOLDEN[dtype]


@pytest.fixture(scope="module")
def streams():
    made = []
    for dtype, peak in (("uint8", 200), ("int16", 3000), ("int32", 1 << 20)):
        voxels = smooth((2, 2, 24, 40), peak).astype(dtype)
        made.append((encode_blocks(voxels), voxels))
    sparse = (smooth((1, 2, 30, 40), 300) * 40).astype(np.int16)
    made.append((encode_blocks(sparse), sparse))
    return made


def survives(data, voxels):
    """Decoding must give an array or a FormatError; anything else fails the test or the process."""
    for path in PATHS:
        try:
            decode_blocks(data, voxels.shape, voxels.dtype, path=path)
        except FormatError:
            continue


def test_truncation_is_an_error(streams):
    for stream, voxels in streams:
        for size in range(0, len(stream), 1 + len(stream) // 400):
            with pytest.raises(FormatError):
                decode_blocks(stream[:size], voxels.shape, voxels.dtype)


def test_flipped_bytes_are_survived(streams):
    rng = np.random.default_rng(11)
    for stream, voxels in streams:
        for _ in range(400):
            damaged = bytearray(stream)
            head = rng.random() < 0.5
            for at in rng.integers(0, 300 if head else len(stream), rng.integers(1, 4)):
                damaged[at % len(stream)] = rng.integers(256)
            survives(bytes(damaged), voxels)


def test_random_bytes_are_survived(streams):
    rng = np.random.default_rng(12)
    voxels = streams[1][1]
    for _ in range(300):
        junk = rng.integers(0, 256, rng.integers(0, 400), dtype=np.uint8).tobytes()
        survives(b"\x01\x02" + junk, voxels)
        survives(streams[1][0][:14] + junk, voxels)


def test_wrong_shape_or_dtype_is_survived(streams):
    for stream, voxels in streams:
        for shape in [(1, 1, 1, 1), (2, 2, 40, 24), (1, 1, 500, 500), (4, 2, 24, 40), (0, 2, 24, 40)]:
            survives(stream, np.empty(shape, voxels.dtype))
    with pytest.raises(FormatError, match="type"):
        decode_blocks(streams[1][0], streams[1][1].shape, np.dtype(np.uint8))


def test_empty_groups():
    check(np.zeros((0, 2, 3, 4), np.int16))


def test_smaller_than_jpegls_on_real_scans(data_dir: Path):
    imagecodecs = pytest.importorskip("imagecodecs")
    nibabel = pytest.importorskip("nibabel")
    names = ["train/ct_totalseg_pulmonary_crop.nii.gz", "train/acdc/patient001_edes.nii.gz"]
    for name in names:
        voxels = np.asanyarray(nibabel.load(data_dir / name).dataobj.get_unscaled())
        frames = np.atleast_3d(voxels)[..., None] if voxels.ndim == 3 else voxels
        group = np.ascontiguousarray(frames.transpose(2, 3, 1, 0) if voxels.ndim == 4 else voxels.T[None])
        offset = (group.astype(np.int32) - int(group.min())).astype(np.uint16)
        rival = sum(len(imagecodecs.jpegls_encode(frame)) for sequence in offset for frame in sequence)
        assert len(check(group, ["scalar", PATHS[-1]])) < 0.95 * rival


@pytest.mark.parametrize("shape", [(1, 5, 40, 48), (3, 4, 20, 33), (4, 1, 30, 20)])
@pytest.mark.parametrize("peak", [200, 100_000])
def test_a_limit_gives_up_or_changes_nothing(shape: tuple[int, int, int, int], peak: int) -> None:
    voxels = smooth(shape, peak).astype(np.int32) + np.random.default_rng(5).integers(0, 6, shape, np.int32)
    stream = encode_blocks(voxels)
    assert encode_blocks(voxels, limit=len(stream) + 1) == stream
    assert encode_blocks(voxels, limit=len(stream) // 2) == b""


def test_a_limit_leaves_voxels_that_are_stored() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (1, 4, 64, 64)).astype(np.uint8)
    stream = encode_blocks(noise)
    assert encode_blocks(noise, limit=len(stream) + 1) == stream
    assert encode_blocks(noise, limit=len(stream)) in (b"", stream)
