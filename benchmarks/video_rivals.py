"""x265 in lossless mode, slices as frames, grey 8, 10 or 12 bits, through PyAV."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from benchmarks.rivals import AnyArray, Job, Rival, Streams, add_rival

PIXEL_FORMATS = {8: "gray", 10: "gray10le", 12: "gray12le"}

# Weighted bi-prediction drifts with 4:0:0 in x265 (weightb), so it stays off.
PARAMETERS = "lossless=1:weightb=0:keyint=-1:pools=none:frame-threads=1:log-level=none"

ONE_BLOCK = (64, 64)


def _encode_x265(job: Job, *, preset: str) -> Streams:
    import av  # noqa: PLC0415

    _, rows, columns = job.stack.shape
    codec = av.CodecContext.create("libx265", "w")
    codec.width, codec.height = columns, rows
    codec.pix_fmt = _pixel_format(job.bits)
    codec.time_base, codec.framerate = Fraction(1, 25), Fraction(25)
    # A picture of one single block comes back wrong in a few voxels at its edge, and differently in every
    # run (x265 4.2); smaller blocks are exact, and cost less than 0.1 %.
    blocks = ":ctu=32" if (rows, columns) == ONE_BLOCK else ""
    codec.options = {"preset": preset, "x265-params": PARAMETERS + blocks}
    packets = []
    for index, frame in enumerate(job.stack):
        packets += codec.encode(_video_frame(frame, codec.pix_fmt, index))
    packets += codec.encode(None)
    return [b"".join(bytes(packet) for packet in packets)]


def _pixel_format(bits: int) -> str:
    depth = next(depth for depth in PIXEL_FORMATS if bits <= depth)
    return PIXEL_FORMATS[depth]


def _video_frame(frame: AnyArray, pixel_format: str, index: int) -> Any:
    import av  # noqa: PLC0415

    rows, columns = frame.shape
    video = av.VideoFrame(columns, rows, pixel_format)
    sample = np.dtype("u1" if pixel_format == "gray" else "<u2")
    lines = np.zeros((rows, video.planes[0].line_size // sample.itemsize), sample)
    lines[:, :columns] = frame
    video.planes[0].update(lines.tobytes())
    video.pts = index
    return video


def _decode_x265(streams: Streams, job: Job) -> AnyArray:
    import av  # noqa: PLC0415

    codec = av.CodecContext.create("hevc", "r")
    codec.thread_count = 1
    videos = []
    for packet in [*codec.parse(streams[0]), *codec.parse(b"")]:
        videos += codec.decode(packet)
    videos += codec.decode(None)
    sample = np.dtype("u1" if job.bits <= 8 else "<u2")
    frames = []
    for video in videos:
        lines = np.frombuffer(bytes(video.planes[0]), sample).reshape(video.height, -1)
        frames.append(lines[:, : video.width])
    return np.stack(frames).astype(job.stack.dtype)


def _add_all() -> None:
    for preset in ("medium", "veryslow"):
        encode = partial(_encode_x265, preset=preset)
        rival = Rival(f"x265-{preset}", encode, _decode_x265, needs=("av",), max_bits=12)
        add_rival(rival)
        add_rival(replace(rival, name=f"{rival.name}-t", over_time=True))


_add_all()
