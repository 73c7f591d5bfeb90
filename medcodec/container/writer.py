"""Writing a .medc stream: the front, one record per box, the trailer; from first to last byte, never back."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from medcodec.codecs.base import Codec, FrameGroup
from medcodec.container.checksums import crc32c, voxel_crc, voxel_sha256
from medcodec.container.front import pack_front
from medcodec.container.header import CodecIdentity, Header
from medcodec.container.layout import RECORD_HEAD, U32_MAX, RecordHead
from medcodec.container.parallel import ordered_map
from medcodec.container.proof import decode_checked, prove
from medcodec.container.trailer import Trailer
from medcodec.errors import IntegrityError, UnsupportedDataError
from medcodec.volume.frames import Box, FrameLayout, Grid, box_shape
from medcodec.volume.model import Volume

AnyArray = npt.NDArray[Any]
Progress = Callable[[int, int], None]
Observer = Callable[[AnyArray, AnyArray], None]

# A second copy of the front is kept where it adds less than this share of the file.
_COPY_SHARE = 1 / 8192


@dataclass(frozen=True)
class Written:
    """What a written stream takes.

    Parameters
    ----------
    file_bytes
        The whole stream.
    coded_bytes
        The coded boxes alone.
    groups
        Number of boxes.
    """

    file_bytes: int
    coded_bytes: int
    groups: int


@dataclass(frozen=True)
class _Coded:
    number: int
    box: Box
    data: bytes
    voxel_crc: int
    decoded: AnyArray | None

    def write(self, file: BinaryIO) -> None:
        file.write(RecordHead(self.number, len(self.data), crc32c(self.data), self.voxel_crc).pack())
        file.write(self.data)


def write_stream(
    file: BinaryIO,
    volume: Volume,
    codec: Codec,
    layout: FrameLayout,
    grid: Grid,
    *,
    threads: int | None = None,
    verify: bool = True,
    progress: Progress | None = None,
    observe: Observer | None = None,
) -> Written:
    """Code a volume and write it as a .medc stream; the same bytes for any number of threads.

    Parameters
    ----------
    file
        Written to once, from front to end; need not be seekable.
    volume
        Voxels in native byte order.
    codec
        Codes the boxes.
    layout, grid
        Of the volume's voxels, and the boxes of its frames.
    threads
        By default one per processor.
    verify
        Decode each box again and compare. A codec that loses something is always checked.
    progress
        Called with the voxels done and the voxels in all.
    observe
        Called with the original and the decoded voxels of each box that was decoded, from any thread.

    Raises
    ------
    UnsupportedDataError
        If the codec cannot code such voxels, or the result does not fit the format.
    IntegrityError
        If the codec does not keep its promise.
    """
    header = _header(volume, codec, layout, grid)
    front = pack_front(header, volume.source)
    file.write(front)
    frames = layout.to_frames(volume.voxels)
    kept = None if codec.exact else np.empty(layout.frame_shape, layout.frame_dtype)
    lengths: list[int] = []
    done = 0
    with ThreadPoolExecutor(1, thread_name_prefix="medcodec-sha") as hasher:
        digest = hasher.submit(voxel_sha256, volume.voxels) if kept is None else None
        with contextlib.closing(
            _coded_boxes(frames, codec, grid, threads=threads, verify=verify, observe=observe)
        ) as boxes:
            for coded in boxes:
                coded.write(file)
                lengths.append(len(coded.data))
                if kept is not None:
                    kept[coded.box] = coded.decoded
                if progress:
                    done += math.prod(box_shape(coded.box))
                    progress(done, frames.size)
        sha256 = digest.result() if digest else voxel_sha256(layout.from_frames(kept))  # type: ignore[arg-type]
    before = len(front) + sum(lengths) + RECORD_HEAD.size * len(lengths)
    copy = front if len(front) < before * _COPY_SHARE else b""
    trailer = Trailer(lengths, sha256, copy).pack(bytes_before=before, voxel_bytes=header.voxel_bytes)
    file.write(trailer)
    return Written(before + len(trailer), sum(lengths), len(lengths))


def _header(volume: Volume, codec: Codec, layout: FrameLayout, grid: Grid) -> Header:
    return Header(
        layout=layout,
        grid=grid,
        affine=np.asarray(volume.affine, np.float64),
        slope=volume.slope,
        intercept=volume.intercept,
        codec=CodecIdentity(codec.name, codec.to_dict(), codec.model_sha256),
        lossless=codec.exact,
        source_format=volume.source.format,
        source_meta=volume.source.meta,
        blobs={name: len(data) for name, data in volume.source.blobs.items()},
    )


def _coded_boxes(
    frames: AnyArray,
    codec: Codec,
    grid: Grid,
    *,
    threads: int | None,
    verify: bool,
    observe: Observer | None,
) -> Generator[_Coded, None, None]:
    def code(number: int) -> _Coded:
        box = grid.box(number)
        original = np.ascontiguousarray(frames[box])
        data = codec.encode(FrameGroup(original))
        if len(data) > U32_MAX:
            msg = f"group {number} takes {len(data)} bytes; at most 4 GiB are possible: choose smaller groups"
            raise UnsupportedDataError(msg)
        if codec.exact and not verify:
            return _Coded(number, box, data, voxel_crc(original), None)
        decoded = _decode(codec, data, original, number)
        if observe:
            observe(original, decoded)
        return _Coded(number, box, data, voxel_crc(decoded), None if codec.exact else decoded)

    return ordered_map(code, range(len(grid)), threads=threads)


def _decode(codec: Codec, data: bytes, original: AnyArray, number: int) -> AnyArray:
    s, f, h, w = original.shape
    try:
        decoded = decode_checked(codec, data, (s, f, h, w), original.dtype)
        prove(codec, original, decoded)
    except IntegrityError as error:
        msg = f"group {number}: {error}"
        raise IntegrityError(msg) from error
    return decoded
