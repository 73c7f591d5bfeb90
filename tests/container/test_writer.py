from __future__ import annotations

import dataclasses
import gc
import hashlib
import io
import threading
import time
import tracemalloc

import numpy as np
import pytest
from codec_for_tests import LzmaCodec
from helpers import coded, decoded, smooth_volume

import medcodec
from medcodec.container.choice import central_sample, choose_grid, choose_layout
from medcodec.container.layout import max_voxel_bytes
from medcodec.container.parallel import ordered_map
from medcodec.errors import FormatError, IntegrityError, OptionError
from medcodec.volume import from_array
from medcodec.volume.frames import frame_layout


@dataclasses.dataclass(frozen=True)
class FaultyCodec(LzmaCodec):
    """Gives back another value than it was given, or breaks its bound."""

    def decode(self, data, shape, dtype):
        voxels = super().decode(data, shape, dtype).copy()
        voxels.flat[0] += 1 + 2 * self.max_error
        return voxels


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_same_bytes_for_any_number_of_threads(threads):
    voxels = smooth_volume((20, 21, 22))
    assert coded(voxels, group_frames=2, threads=threads) == coded(voxels, group_frames=2, threads=1)


class StoringCodec(LzmaCodec):
    """Takes no memory of its own."""

    def encode(self, group):
        return group.voxels.tobytes()

    def decode(self, data, shape, dtype):
        return np.frombuffer(data, dtype).reshape(shape)


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_stays_with_the_groups_in_flight(tmp_path, threads):
    voxels = np.zeros((256, 256, 640), np.int16, order="F")
    group_bytes = voxels.nbytes // 40
    tracemalloc.start()
    try:
        medcodec.compress(
            voxels, tmp_path / "a.medc", codec=StoringCodec(), axis="k", group_frames=16, threads=threads
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Besides, the packer of the header takes a constant amount.
    assert peak < 3 * group_bytes * threads + 14_000_000


def test_what_a_codec_breaks_is_noticed():
    voxels = smooth_volume((5, 6, 7))
    with pytest.raises(IntegrityError, match="please report"):
        coded(voxels, codec=FaultyCodec())
    with pytest.raises(IntegrityError, match="error bound of 2"):
        coded(voxels, codec=FaultyCodec(max_error=2), verify=False)
    with pytest.raises(IntegrityError, match="decodes differently"):
        decoded_with_fault(coded(voxels, verify=False))


def decoded_with_fault(data: bytes) -> np.ndarray:
    from medcodec.container.reader import MedcFile

    return np.asarray(MedcFile(io.BytesIO(data), resolve=lambda _: FaultyCodec()))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f4", "c16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_sha256_is_that_of_the_voxels_of_a_nifti_file(dtype, order):
    voxels = smooth_volume((5, 6, 7), dtype, order=order)
    with medcodec.open(io.BytesIO(coded(voxels))) as file:
        assert (
            file.sha256 == hashlib.sha256(voxels.astype(voxels.dtype.newbyteorder("<")).tobytes("F")).digest()
        )


def test_floats_keep_every_bit():
    voxels = smooth_volume((5, 6, 7), np.float32)
    voxels[0, 0, :6] = [np.nan, -0.0, np.inf, -np.inf, 1e-42, np.float32(np.nan) * -1]
    assert decoded(coded(voxels)).tobytes() == voxels.tobytes()


def test_an_error_bound_is_kept():
    voxels = smooth_volume((9, 9, 9))
    back = decoded(coded(voxels, codec=LzmaCodec(max_error=3)))
    error = np.abs(back.astype(int) - voxels)
    assert 0 < error.max() <= 3


def test_a_volume_that_packs_extremely_well_can_be_read_again():
    voxels = np.zeros((512, 512, 600), np.uint8, order="F")
    data = coded(voxels, verify=False, group_frames=0)
    assert voxels.nbytes <= max_voxel_bytes(len(data))
    with medcodec.open(io.BytesIO(data)) as file:
        assert not file[::100, ::100, ::100].any()


def test_the_cost_beside_the_coded_bytes():
    voxels = np.random.default_rng(0).integers(0, 2, (64, 64, 33, 20), np.int16)
    with medcodec.open(io.BytesIO(coded(voxels))) as file:
        assert file.file_bytes - sum(file.coded_lengths) - file._front.blobs_head.stored_bytes < 300


@pytest.mark.parametrize(
    "affine",
    [
        np.eye(4) / 3,
        (np.eye(4) / 3).astype(np.float32),
        np.full((4, 4), 1e300),
        np.array([np.nan, np.inf, -np.inf, -0.0] * 4).reshape(4, 4),
    ],
)
def test_affines_are_kept_exactly(affine):
    volume = from_array(smooth_volume((3, 4, 5)), affine=affine, slope=0.1, intercept=-1e-300)
    with medcodec.open(io.BytesIO(coded(volume))) as file:
        assert file.affine.tobytes() == affine.astype(np.float64).tobytes()
        assert (file.slope, file.intercept) == (0.1, -1e-300)


def test_progress_counts_all_voxels():
    seen = []
    coded(smooth_volume((8, 8, 9)), axis=2, group_frames=2, progress=lambda *args: seen.append(args))
    assert seen[-1] == (576, 576)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_axis_that_codes_smaller_is_chosen():
    rng = np.random.default_rng(3)
    pattern = rng.integers(0, 200, (40, 42)).astype(np.uint8)
    voxels = np.asfortranarray(np.broadcast_to(pattern[:, None, :], (40, 41, 42)))
    assert choose_layout(voxels, SliceDifference()).frames == (1,)
    assert choose_layout(voxels, SliceDifference(), "k").frames == (2,)
    with pytest.raises(OptionError, match="auto"):
        choose_layout(voxels, LzmaCodec(), "x")


class SliceDifference(LzmaCodec):
    def encode(self, group):
        difference = np.diff(group.voxels, axis=1, prepend=0)
        return super().encode(dataclasses.replace(group, voxels=difference))


@pytest.mark.parametrize(
    "shape", [(512, 512, 300), (64, 64, 33, 20), (9, 9, 9), (2000, 2000, 3), (256, 256, 1, 79)]
)
def test_samples_are_small_and_even(shape):
    sample = central_sample(np.broadcast_to(np.uint8(0), shape))
    assert sample.size <= max(np.prod(shape) / 25, 1 << 16)
    assert sample.size >= min(np.prod(shape), 1 << 14)


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((1, 300, 512, 512), (1, 9, 512, 512)),
        ((1, 20, 256, 256), (1, 20, 256, 256)),
        ((33, 20, 64, 64), (33, 20, 64, 64)),
        ((60, 64, 256, 256), (6, 6, 256, 256)),
        ((1, 3, 4000, 3000), (1, 1, 800, 3000)),
        ((3, 1, 512, 512), (3, 1, 512, 512)),
        ((0, 0, 0, 0), (1, 1, 1, 1)),
    ],
)
def test_default_boxes(shape, box):
    assert LzmaCodec().preferred_box(shape, np.dtype("i2")) == box


def test_default_boxes_are_of_some_million_voxels():
    layout = frame_layout(np.broadcast_to(np.int16(0), (512, 512, 300)), 2)
    grid = choose_grid(layout, LzmaCodec())
    assert 1_000_000 < 512 * 512 * 300 / len(grid) < 4_000_000
    assert choose_grid(layout, LzmaCodec(), group_frames=0, tile=0).counts == (1, 1, 1, 1)
    with pytest.raises(OptionError, match="choose larger"):
        choose_grid(layout, LzmaCodec(), group_frames=1, tile=2)
    with pytest.raises(OptionError, match="positive"):
        choose_grid(layout, LzmaCodec(), tile=-1)


def test_ordered_map_keeps_order_bounds_work_and_stops_on_errors():
    running, most, begun = 0, 0, 0
    lock = threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most, begun
        with lock:
            running, begun = running + 1, begun + 1
            most = max(most, running)
        time.sleep(0.001 * (number % 3))
        with lock:
            running -= 1
        if number == 30:
            raise FormatError("thirty")
        return number * number

    assert list(ordered_map(work, range(20), threads=3)) == [n * n for n in range(20)]
    assert most <= 3
    begun = 0
    with pytest.raises(FormatError, match="thirty"):
        list(ordered_map(work, range(1000), threads=3))
    assert begun < 40
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("medcodec")]
