"""A decoder written from docs/format.md alone: it shares no code with medcodec but the codec for tests."""

from __future__ import annotations

import hashlib
import itertools
import json
import lzma
import math
import re
import struct
import zlib
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from codec_for_tests import LzmaCodec
from helpers import coded, smooth_volume

from medcodec.volume import from_array
from medcodec.volume.frames import Grid

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
crc = google_crc32c.value


def dictionary() -> bytes:
    appendix = PAGE.split("## Appendix A")[1]
    words = appendix.split("```")[1].strip("\n").replace("\n", "").encode()
    assert hashlib.sha256(words).hexdigest() in appendix
    return words


def section(data: bytes, at: int) -> tuple[bytes, int]:
    method, stored, size, check = struct.unpack_from("<BIII", data, at)
    body = data[at + 13 : at + 13 + stored]
    assert crc(data[at : at + 9] + body) == check
    if method == 1:
        body = zlib.decompressobj(-15, dictionary()).decompress(body)
    elif method == 2:
        body = lzma.decompress(
            body, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
        )
    assert len(body) == size
    return body, at + 13 + stored


def decode(data: bytes) -> tuple[dict, bytes, np.ndarray]:
    assert data[:9] == bytes.fromhex("8F4D4544430D0A1A01")
    text, at = section(data, 9)
    record, at = section(data, at)
    head = json.loads(text)
    dtype = np.dtype(head["dtype"] if isinstance(head["dtype"], str) else [tuple(f) for f in head["dtype"]])
    parts = 2 if dtype.kind == "c" else len(dtype.names or "x")
    value = (
        np.dtype(f"<f{dtype.itemsize // 2}")
        if dtype.kind == "c"
        else np.dtype(dtype[0] if dtype.names else dtype)
    )
    sizes = [*head["shape"], parts]
    frame_shape = [math.prod(sizes[axis] for axis in role) for role in head["layout"]]
    cuts = [
        [*(range(0, size, cut) if isinstance(cut, int) else cut), size]
        for size, cut in zip(frame_shape, head["grid"], strict=True)
    ]
    boxes = itertools.product(*([slice(*pair) for pair in itertools.pairwise(cut)] for cut in cuts))
    frames = np.empty(frame_shape, value)
    lengths = []
    for number, box in enumerate(boxes):
        mark, found, length, coded_crc, voxel_crc, head_crc = struct.unpack_from("<4sIIIII", data, at)
        assert (mark, found, crc(data[at : at + 20])) == (bytes.fromhex("D3475250"), number, head_crc)
        coded_bytes = data[at + 24 : at + 24 + length]
        assert crc(coded_bytes) == coded_crc
        frames[box] = LzmaCodec().decode(coded_bytes, frames[box].shape, value)
        assert crc(frames[box].tobytes()) == voxel_crc
        lengths.append(length)
        at += 24 + length
    mark, count, copy, padding, digest = struct.unpack_from("<4sIII32s", data, at)
    assert (mark, count) == (bytes.fromhex("D3454E44"), len(lengths))
    assert list(struct.unpack_from(f"<{count}I", data, at + 48)) == lengths
    check, size, end = struct.unpack("<II4s", data[-12:])
    assert (crc(data[at:-12]), at + 60 + 4 * count + copy + padding, at + size) == (
        check,
        len(data),
        len(data),
    )
    assert end == bytes.fromhex("D3454F46")
    order = list(itertools.chain(*head["layout"]))
    apart = frames.reshape([sizes[axis] for axis in order]).transpose(np.argsort(order))
    voxels = np.ascontiguousarray(apart).view(dtype)[..., 0]
    assert hashlib.sha256(voxels.tobytes(order="F")).digest() == digest
    return head, record, voxels


@pytest.mark.parametrize("dtype", ["u1", "i2", "f8", "c8", [("R", "u1"), ("G", "u1"), ("B", "u1")]], ids=str)
@pytest.mark.parametrize("shape", [(6, 7), (9, 8, 7), (4, 5, 6, 3)], ids=str)
def test_the_page_is_enough_to_write_a_decoder(shape, dtype):
    dtype = np.dtype(dtype)
    raw = np.random.default_rng(0).integers(0, 60, (*shape, dtype.itemsize), np.uint8)
    voxels = np.asfortranarray(raw.view(dtype)[..., 0])
    volume = from_array(voxels, slope=0.5, intercept=float("nan"))
    head, record, found = decode(coded(volume, group_frames=2, tile=4))
    assert found.tobytes() == voxels.tobytes()
    assert head["intercept"] == "nan"
    assert record == b"".join(volume.source.blobs.values())


def test_irregular_cuts_and_a_second_header():
    voxels = np.random.default_rng(0).integers(0, 255, (160, 160, 160)).astype(np.uint8, order="F")
    one = range(0, 160, 160)
    data = coded(
        voxels, axis=2, grid=Grid((1, 160, 160, 160), (range(1), (0, 7, 100), one, one)), verify=False
    )
    assert np.array_equal(decode(data)[2], voxels)


def test_the_keys_of_the_page_are_those_of_the_header():
    head, _, _ = decode(coded(smooth_volume((3, 4, 5))))
    table = PAGE.split("Exactly these keys:")[1].split("Floats that are not")[0]
    keys = [key for row in re.findall(r"^\| (`.*?) \|", table, re.M) for key in re.findall(r"`(\w+)`", row)]
    assert sorted(keys) == sorted(head)
