"""Fuzz target: any bytes must decode, or raise a `MedcodecError`, within bounded memory.

With atheris installed: ``python tests/fuzz/fuzz_container.py corpus/``. The corpus is seeded with whole files
by ``python tests/fuzz/fuzz_container.py --seed corpus/``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import random
import sys
from pathlib import Path

import numpy as np

import medcodec
from medcodec.api import salvage_file
from medcodec.codecs.registry import make_codec
from medcodec.container.bytesource import ByteSource
from medcodec.container.checksums import crc32c
from medcodec.container.layout import PREFIX, RECORD_HEAD, SECTION_HEAD, RecordHead, pack_section
from medcodec.container.reader import read_structure
from medcodec.errors import MedcodecError

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "container")]
import conftest  # noqa: E402, F401 (registers the codec for tests)
from helpers import coded, smooth_volume  # noqa: E402


def one_input(data: bytes) -> None:
    """Read, index and salvage one input; only `MedcodecError` may come out."""
    with contextlib.suppress(MedcodecError), medcodec.open(io.BytesIO(data), threads=1) as file:
        file.read_source()
        np.asarray(file)
    with contextlib.suppress(MedcodecError):
        salvage_file(io.BytesIO(data), threads=1)


def seeds() -> list[bytes]:
    """Return small whole files of different kinds, of the real codec too where its kernels are built."""
    files = [
        coded(smooth_volume((5, 6, 7)), axis=2, group_frames=2),
        coded(smooth_volume((4, 5, 3, 4), np.float32), tile=3),
        coded(smooth_volume((9, 8), np.uint8)),
        coded(smooth_volume((4, 4, 4), np.complex64), group_frames=1),
    ]
    if importlib.util.find_spec("medcodec._native"):
        for options in ({"effort": "fastest"}, {"effort": "fast"}, {"effort": "default"}, {"max_error": 2}):
            codec = make_codec("adaptive", **options)
            files.append(coded(smooth_volume((9, 8, 7)), codec=codec))
            files.append(coded(smooth_volume((9, 8, 7), np.float32), codec=codec))
    return files


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return damaged bytes; in two of three cases with checksums that hide the damage.

    Then either the header's text is damaged, or the coded bytes of the first group.
    """
    kind = rng.randrange(3)
    if kind == 0:
        return _splice(data, rng)
    front, _, offsets = read_structure(ByteSource(data))
    if kind == 1:
        rest = data[front.blobs_at - SECTION_HEAD.size :]
        return PREFIX + pack_section(_splice(front.header.to_json(), rng)) + rest
    at = offsets[0]
    head = RecordHead.parse(data[at : at + RECORD_HEAD.size], place="")
    body_at = at + RECORD_HEAD.size
    body = bytearray(data[body_at : body_at + head.length])
    for _ in range(rng.randint(1, 3)):
        body[rng.randrange(len(body))] = rng.choice([0, 255, rng.randrange(256)])
    sealed = RecordHead(head.number, head.length, crc32c(bytes(body)), head.voxel_crc).pack()
    return data[:at] + sealed + bytes(body) + data[body_at + head.length :]


def _splice(data: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(damaged) + 1)
        match rng.randrange(5):
            case 0:
                damaged[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del damaged[at : at + rng.randint(1, 30)]
            case 2:
                other = rng.randrange(len(damaged) + 1)
                damaged[at:at] = damaged[other : other + rng.randint(1, 40)]
            case 3:
                damaged[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"9999", b"-1.0"])
            case _:
                damaged[at : at + 1] = rng.choice([b"0", b"9", b"-", b"[", b"]", b'"', b",", b"e"])
    return bytes(damaged)


def main() -> None:
    """Write the seeds, or fuzz until stopped."""
    if sys.argv[1:2] == ["--seed"]:
        for number, data in enumerate(seeds()):
            (Path(sys.argv[2]) / f"{number}.medc").write_bytes(data)
        return
    import atheris

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
