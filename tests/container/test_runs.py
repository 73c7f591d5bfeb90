"""Small groups side by side are checked and decoded in one call: the same voxels, the same errors."""

from __future__ import annotations

from pathlib import Path

import google_crc32c
import numpy as np
import pytest

import medcodec
from medcodec import _native
from medcodec.codecs.base import Codec
from medcodec.container.groups import GroupReader
from medcodec.container.layout import RECORD_HEAD, RecordHead
from medcodec.container.regions import Region, select, select_cells
from medcodec.errors import FormatError, IntegrityError
from medcodec.volume.frames import FrameLayout, Grid

RNG = np.random.default_rng(6)
VOXELS = (np.indices((70, 66, 40)).sum(0) * 5 + RNG.integers(0, 20, (70, 66, 40))).astype(np.int16)


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "patches.medc"
    medcodec.compress(VOXELS, path, effort="fastest", group_frames=32, tile=32)
    return path


@pytest.mark.parametrize("size", [0, 1, 7, 8, 3071, 3072, 3079, 70001])
def test_checksums_are_those_of_the_library(size: int) -> None:
    data = RNG.integers(0, 256, size, dtype=np.uint8)
    expected = google_crc32c.value(data.tobytes())
    assert _native.crc32c_of_arrays([data, data.reshape(1, -1)]) == [expected, expected]


def test_records_are_checked_to_the_last_bit() -> None:
    coded = [b"first", b"", b"the third"]
    records = b"".join(
        RecordHead(number + 7, len(data), google_crc32c.value(data), 100 + number).pack() + data
        for number, data in enumerate(coded)
    )
    numbers, lengths = [7, 8, 9], [len(data) for data in coded]
    starts = [0, RECORD_HEAD.size + 5, 2 * RECORD_HEAD.size + 5]
    assert _native.records_check(records, starts, numbers, lengths) == [100, 101, 102]
    assert _native.records_check(records, starts[1:], numbers[1:], lengths[1:]) == [101, 102]
    assert _native.records_check(records, starts, [7, 8, 10], lengths) is None
    assert _native.records_check(records, starts, numbers, [5, 0, 8]) is None
    assert _native.records_check(records, starts, numbers, [5, 0, 2**63]) is None
    assert _native.records_check(records, [*starts[:2], 2**63], numbers, lengths) is None
    for size in range(len(records)):
        assert _native.records_check(records[:size], starts, numbers, lengths) is None
    for bit in range(8 * len(records)):
        damaged = bytearray(records)
        damaged[bit // 8] ^= 1 << bit % 8
        assert _native.records_check(bytes(damaged), starts, numbers, lengths) is None


def test_runs_give_what_single_groups_give(patches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = (slice(5, 69), slice(None, None, 3), slice(2, 39))
    with medcodec.open(patches) as file:
        np.testing.assert_array_equal(file[key], VOXELS[key])
        np.testing.assert_array_equal(file[key], VOXELS[key])
    monkeypatch.setattr(GroupReader, "place_run", lambda *_: False)
    with medcodec.open(patches) as file:
        np.testing.assert_array_equal(file[...], VOXELS)
    monkeypatch.setattr(GroupReader, "_decode_run", lambda *_: None)
    with medcodec.open(patches, threads=2) as file:
        np.testing.assert_array_equal(file[...], VOXELS)


def test_codecs_need_not_know_of_runs(patches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with medcodec.open(patches) as file:
        monkeypatch.setattr(type(file._groups.codec), "place_many", Codec.place_many)
        monkeypatch.setattr(type(file._groups.codec), "decode_many", Codec.decode_many)
        np.testing.assert_array_equal(file[...], VOXELS)


@pytest.mark.parametrize("part", [2, RECORD_HEAD.size + 40, -1])
def test_errors_name_the_damaged_group(patches: Path, tmp_path: Path, part: int) -> None:
    data = bytearray(patches.read_bytes())
    with medcodec.open(patches) as file:
        offset, length = file._offsets[1], file.coded_lengths[1]
    data[offset + (part if part > 0 else RECORD_HEAD.size + length - 1)] ^= 4
    damaged = tmp_path / "damaged.medc"
    damaged.write_bytes(data)
    with medcodec.open(damaged) as file, pytest.raises((FormatError, IntegrityError), match="group 1 at"):
        file[...]


def test_no_read_trusts_voxels_without_their_checksum(patches: Path, tmp_path: Path) -> None:
    data = bytearray(patches.read_bytes())
    with medcodec.open(patches) as file:
        offset = file._offsets[1]
    head = RecordHead.parse(bytes(data[offset : offset + RECORD_HEAD.size]), place="")
    data[offset : offset + RECORD_HEAD.size] = head._replace(voxel_crc=head.voxel_crc ^ 1).pack()
    damaged = tmp_path / "damaged.medc"
    damaged.write_bytes(data)
    with medcodec.open(damaged) as file:
        for _ in range(2):
            with pytest.raises(IntegrityError, match=r"group 1 at .* do not match their checksum"):
                file[...]


def test_boxes_are_kept_from_the_second_read_on(patches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = (slice(3, 60), slice(1, 9), slice(5, 40))
    with medcodec.open(patches) as file:
        np.testing.assert_array_equal(file[key], VOXELS[key])
        assert file._cache.get(0) is None
        np.testing.assert_array_equal(file[key], VOXELS[key])
        monkeypatch.setattr(GroupReader, "decode_some", lambda _, wanted: iter([] if not wanted else None))
        np.testing.assert_array_equal(file[key], VOXELS[key])


@pytest.mark.parametrize("seed", range(30))
def test_cells_are_the_parts_of_regions_without_gaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 30, 4).tolist())
    axes = rng.permutation(4).tolist()
    # Two axes of the volume are one of the frames; with the components there are five.
    layout = FrameLayout(shape, np.dtype("i2"), (4, axes[0]), (axes[1],), (axes[2],), (axes[3],))
    grid = Grid.regular(layout.frame_shape, rng.integers(1, 20, 4).tolist())
    starts = [int(rng.integers(size)) for size in shape]
    ranges = [range(at, int(rng.integers(at + 1, size + 1))) for at, size in zip(starts, shape, strict=True)]
    region = Region(layout, tuple(ranges))
    cells = select_cells(grid, region)
    assert cells is not None
    assert cells.parts() == list(select(grid, region))
    assert cells.shapes == [part.shape for part in cells.parts()]
    assert cells[1:].parts() == cells.parts()[1:]
    longest = max(range(4), key=lambda axis: shape[axis])
    ranges[longest] = range(0, shape[longest], 2)
    if len(ranges[longest]) > 1:
        assert select_cells(grid, Region(layout, tuple(ranges))) is None


def test_regions_without_voxels_have_no_cells() -> None:
    layout = FrameLayout((4, 5), np.dtype("u1"), (2,), (), (0,), (1,))
    grid = Grid.regular(layout.frame_shape, (1, 1, 3, 3))
    assert select_cells(grid, Region(layout, (range(2, 2), range(5)))) is None
