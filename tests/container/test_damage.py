from __future__ import annotations

import contextlib
import io
import json
import struct
import tracemalloc

import numpy as np
import pytest
from helpers import coded, decoded, smooth_volume

import medcodec
from medcodec.api import load_volume, salvage_file
from medcodec.container.bytesource import ByteSource
from medcodec.container.front import read_front
from medcodec.container.layout import MAGIC, PREFIX, RecordHead, pack_section
from medcodec.container.reader import read_structure
from medcodec.container.trailer import Trailer
from medcodec.errors import MedcodecError, OptionError


@pytest.fixture(scope="module")
def voxels() -> np.ndarray:
    return smooth_volume((6, 7, 8))


@pytest.fixture(scope="module")
def whole(voxels) -> bytes:
    return coded(voxels, axis=2, group_frames=3)


def must_fail(data: bytes) -> MedcodecError:
    with pytest.raises(MedcodecError) as caught:
        load_volume(io.BytesIO(data))
    assert "<stream>" in str(caught.value), "the message names the file"
    return caught.value


def test_truncation_at_every_byte(whole):
    for size in range(len(whole)):
        must_fail(whole[:size])


def test_bytes_behind_the_end(whole):
    must_fail(whole + b"\0")
    must_fail(whole + whole)


def test_every_flipped_bit_is_noticed(whole):
    rng = np.random.default_rng(7)
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        must_fail(bytes(damaged))


def test_overwritten_runs_are_noticed(whole):
    rng = np.random.default_rng(8)
    for _ in range(300):
        damaged = bytearray(whole)
        at, count = int(rng.integers(len(whole))), int(rng.integers(1, 60))
        damaged[at : at + count] = rng.bytes(len(damaged[at : at + count]))
        if bytes(damaged) != whole:
            must_fail(bytes(damaged))


def forged(whole: bytes, **changes: object) -> bytes:
    """Return a file with other header fields and everything else, checksums too, in order."""
    front, _, offsets = read_structure(ByteSource(whole))
    fields = json.loads(front.header.to_json())
    for key, value in changes.items():
        fields[key] = value
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    blobs = whole[front.blobs_at - 13 : front.end]
    return PREFIX + pack_section(text) + blobs + whole[offsets[0] :]


HOSTILE = {
    "a million million voxels": {"shape": [100_000, 100_000, 100_000]},
    "overflowing shape": {"shape": [2**47, 2**47, 2**47]},
    "negative size": {"shape": [-6, 7, 8]},
    "fraction": {"shape": [6.5, 7, 8]},
    "truth": {"shape": [True, 7, 8]},
    "text": {"shape": "678"},
    "no axes": {"shape": []},
    "another shape": {"shape": [6, 7, 9]},
    "more groups than there are": {"grid": [1, 1, 1, 1]},
    "fewer groups": {"grid": [1, 8, 7, 6]},
    "no step": {"grid": [1, 0, 7, 6]},
    "negative step": {"grid": [1, -3, 7, 6]},
    "cuts that go back": {"grid": [1, [0, 5, 3], 7, 6]},
    "cuts beyond the end": {"grid": [1, [0, 3, 9], 7, 6]},
    "five cuts": {"grid": [1, 3, 7, 6, 1]},
    "layout without an axis": {"layout": [[3], [2], [1], []]},
    "layout with an axis twice": {"layout": [[3], [2], [1], [1]]},
    "layout with a far axis": {"layout": [[3], [2], [1], [9]]},
    "objects": {"dtype": "|O"},
    "another dtype": {"dtype": "<i8"},
    "a dtype that is no name": {"dtype": ",0"},
    "fields that are no names": {"dtype": [["R", "04"], ["G", "i,"]]},
    "an endless dtype": {"dtype": "V99999999999"},
    "an empty structure": {"dtype": []},
    "a strange dtype": {"dtype": [["x", "(1000000,1000000)u1"]]},
    "an unknown codec": {"codec": {"model": None, "name": "nope", "settings": {}}},
    "wrong settings": {"codec": {"model": None, "name": "test-lzma", "settings": {"x": 1}}},
    "settings that are none": {"codec": {"model": None, "name": "test-lzma", "settings": [1]}},
    "another model": {
        "codec": {"model": "00" * 32, "name": "test-lzma", "settings": {"effort": "x", "max_error": 0}}
    },
    "short affine": {"affine": {"f4": [1.0, 2.0]}},
    "text in the affine": {"affine": {"f8": ["one"] * 16}},
    "an affine that needs no f8": {"affine": {"f8": [1.0] * 16}},
    "two affines": {"affine": {"f4": [1.0] * 16, "f8": [1.0] * 16}},
    "no affine": {"affine": {}},
    "large blob": {"blobs": [["head", 2**40], ["tail", 0]]},
    "negative blob": {"blobs": [["head", -1], ["tail", 0]]},
    "blob twice": {"blobs": [["head", 0], ["head", 0]]},
    "unknown sections": {"sections": ["adapter"]},
    "unknown key": {"surprise": 1},
    "deep settings": {
        "codec": {"model": None, "name": "test-lzma", "settings": json.loads("[" * 400 + "]" * 400)}
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers(whole, name):
    data = forged(whole, **HOSTILE[name])
    tracemalloc.start()
    try:
        must_fail(data)
        with contextlib.suppress(MedcodecError):
            assert not salvage_file(io.BytesIO(data)).complete
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_a_forged_header_can_be_made(whole, voxels):
    assert np.array_equal(decoded(forged(whole, slope=2.0)), voxels)


def test_json_that_is_not_canonical_is_refused(whole):
    front = read_front(ByteSource(whole))
    rest = whole[front.blobs_at - 13 :]
    text = front.header.to_json()
    for other in (
        text + b" ",
        text.replace(b":", b": ", 1),
        text.replace(b"1.0", b"1.00", 1),
        b"[" * 10**5,
        b"",
        b"nul",
    ):
        assert "header" in str(must_fail(PREFIX + pack_section(other) + rest))


def test_a_section_that_unpacks_to_more_than_it_says():
    bomb = bytearray(pack_section(bytes(60_000)))
    assert len(bomb) < 200
    must_fail(PREFIX + bytes(bomb))
    head = struct.pack("<BIII", 1, 10, 2**32 - 1, 0)
    assert "not valid" in str(must_fail(PREFIX + head + bytes(10)))


def test_index_that_does_not_fit(whole):
    _, trailer, offsets = read_structure(ByteSource(whole))
    end = offsets[-1] + 24 + trailer.lengths[-1]
    for lengths in ([2**32 - 1] * 3, [0, 0, 0], [], [*trailer.lengths, 0], trailer.lengths[::-1]):
        other = Trailer(lengths, trailer.sha256).pack(bytes_before=end, voxel_bytes=0)
        if tuple(lengths) != tuple(trailer.lengths):
            must_fail(whole[:end] + other)
    swapped = Trailer(trailer.lengths, bytes(32)).pack(bytes_before=end, voxel_bytes=0)
    assert "SHA-256" in str(must_fail(whole[:end] + swapped))


def test_groups_of_another_file_or_order(whole, voxels):
    _, _, offsets = read_structure(ByteSource(whole))
    other = coded(voxels + 1, axis=2, group_frames=3)
    _, _, others = read_structure(ByteSource(other))
    first = whole[offsets[0] : offsets[1]]
    head = RecordHead.parse(first[:24], place="")
    renamed = RecordHead(1, head.length, head.coded_crc, head.voxel_crc).pack() + first[24:]
    must_fail(whole[: offsets[0]] + renamed + whole[offsets[1] :])
    foreign = other[others[0] : others[1]]
    if len(foreign) == len(first):
        assert "SHA-256" in str(must_fail(whole[: offsets[0]] + foreign + whole[offsets[1] :]))


def test_other_versions_and_other_files(whole, tmp_path):
    assert "newer" in str(must_fail(MAGIC + b"\x02" + whole[9:]))
    assert "not a .medc file" in str(must_fail(b"\x1f\x8b" + bytes(100)))
    assert "not a .medc file" in str(must_fail(b""))
    with pytest.raises(MedcodecError, match="nothing-here"):
        medcodec.open(tmp_path / "nothing-here.medc")
    with pytest.raises(MedcodecError, match=tmp_path.name):
        medcodec.open(tmp_path)


class TestSalvage:
    def test_a_whole_file(self, whole, voxels):
        found = salvage_file(io.BytesIO(whole))
        assert found.complete
        assert not found.notes
        assert np.array_equal(found.volume.voxels, voxels)

    def test_one_group_lost(self, whole, voxels):
        _, _, offsets = read_structure(ByteSource(whole))
        damaged = bytearray(whole)
        damaged[offsets[1] + 30] ^= 1
        found = salvage_file(io.BytesIO(bytes(damaged)), fill=-5)
        assert [loss.number for loss in found.lost] == [1]
        assert np.array_equal(found.volume.voxels[..., :3], voxels[..., :3])
        assert (found.volume.voxels[..., 3:6] == -5).all()
        assert np.array_equal(found.volume.voxels[..., 6:], voxels[..., 6:])

    def test_truncated_anywhere(self, whole, voxels):
        _, trailer, offsets = read_structure(ByteSource(whole))
        for size in range(offsets[0], len(whole), 5):
            found = salvage_file(io.BytesIO(whole[:size]))
            kept = sum(at + 24 + n <= size for at, n in zip(offsets, trailer.lengths, strict=True))
            assert len(found.lost) == len(offsets) - kept
            assert np.array_equal(found.volume.voxels[..., : 3 * kept], voxels[..., : 3 * kept])

    def test_bytes_missing_in_the_middle(self, whole, voxels):
        _, _, offsets = read_structure(ByteSource(whole))
        found = salvage_file(io.BytesIO(whole[: offsets[1] - 7] + whole[offsets[1] :]))
        assert [loss.number for loss in found.lost] == [0]
        assert np.array_equal(found.volume.voxels[..., 3:], voxels[..., 3:])

    def test_second_header(self):
        voxels = np.random.default_rng(0).integers(0, 255, (160, 160, 160)).astype(np.uint8, order="F")
        data = bytearray(coded(voxels, verify=False))
        data[30] ^= 1
        must_fail(bytes(data))
        found = salvage_file(io.BytesIO(bytes(data)))
        assert found.complete
        assert found.notes
        assert np.array_equal(found.volume.voxels, voxels)

    def test_no_header(self, whole):
        damaged = bytearray(whole)
        damaged[30] ^= 1
        with pytest.raises(MedcodecError, match="header"):
            salvage_file(io.BytesIO(bytes(damaged)))

    def test_source_record_lost(self, whole, voxels):
        front = read_front(ByteSource(whole))
        damaged = bytearray(whole)
        damaged[front.blobs_at + 3] ^= 1
        found = salvage_file(io.BytesIO(bytes(damaged)))
        assert found.source_lost
        assert not found.complete
        assert np.array_equal(found.volume.voxels, voxels)

    @pytest.mark.parametrize("fill", [1e9, 0.5, float("nan")])
    def test_fill_value_of_another_dtype(self, whole, fill):
        with pytest.raises(OptionError, match="fill"):
            salvage_file(io.BytesIO(whole), fill=fill)
