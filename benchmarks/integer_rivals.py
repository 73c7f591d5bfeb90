"""Image, video and volume coders for unsigned integers: JPEG XL, JPEG-LS, JPEG 2000, HTJ2K, tomoz."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.rivals import AnyArray, Job, Rival, Streams, add_rival

# A JPEG XL codestream holds at most 256 extra channels beside the grey one.
MAX_CHANNELS = 256


def _encode_jpegxl_slices(job: Job, *, effort: int) -> Streams:
    import imagecodecs  # noqa: PLC0415

    encode = partial(imagecodecs.jpegxl_encode, effort=effort, lossless=True, numthreads=1)
    return [bytes(encode(frame, bitspersample=job.bits)) for frame in job.stack]


def _decode_jpegxl_slices(streams: Streams, _job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return np.stack([imagecodecs.jpegxl_decode(stream, numthreads=1) for stream in streams])


def _encode_jpegxl_channels(job: Job, *, effort: int) -> Streams:
    import imagecodecs  # noqa: PLC0415

    encode = partial(imagecodecs.jpegxl_encode, effort=effort, lossless=True, numthreads=1)
    parts = [job.stack[start : start + MAX_CHANNELS] for start in range(0, len(job.stack), MAX_CHANNELS)]
    return [bytes(encode(part, planar=True, photometric="gray", bitspersample=job.bits)) for part in parts]


def _decode_jpegxl_channels(streams: Streams, job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    parts = [imagecodecs.jpegxl_decode(stream, numthreads=1) for stream in streams]
    return np.concatenate([part.reshape(-1, *job.stack.shape[1:]) for part in parts])


def _encode_jpegls(job: Job) -> Streams:
    # imagecodecs always declares 8 or 16 bits; the contexts of JPEG-LS follow from that number, and the true
    # one is up to 17 % smaller (12-bit fMRI).
    import jpeg_ls  # noqa: PLC0415

    rows, columns = job.stack.shape[1:]
    return [
        bytes(jpeg_ls.encode_buffer(frame.tobytes(), rows, columns, 1, max(job.bits, 2), 0, 0))
        for frame in job.stack
    ]


def _decode_jpegls(streams: Streams, _job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return np.stack([imagecodecs.jpegls_decode(stream) for stream in streams])


def _encode_jpeg2k(job: Job) -> Streams:
    import imagecodecs  # noqa: PLC0415

    encode = partial(imagecodecs.jpeg2k_encode, level=0, reversible=True, codecformat="j2k")
    return [bytes(encode(frame, bitspersample=job.bits)) for frame in job.stack]


def _decode_jpeg2k(streams: Streams, _job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return np.stack([imagecodecs.jpeg2k_decode(stream) for stream in streams])


def _encode_htj2k(job: Job) -> Streams:
    import imagecodecs  # noqa: PLC0415

    return [bytes(imagecodecs.htj2k_encode(frame, reversible=True)) for frame in job.stack]


def _decode_htj2k(streams: Streams, _job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return np.stack([imagecodecs.htj2k_decode(stream) for stream in streams])


def _encode_tomoz(job: Job, *, slab: int) -> Streams:
    import tomoz  # noqa: PLC0415

    return [tomoz.encode(job.stack, slab=slab, threads=1)]


def _decode_tomoz(streams: Streams, _job: Job) -> AnyArray:
    import tomoz  # noqa: PLC0415

    return np.asarray(tomoz.decode(streams[0], threads=1))


def _both_orders(rival: Rival) -> None:
    add_rival(rival)
    add_rival(replace(rival, name=f"{rival.name}-t", over_time=True))


def _add_all() -> None:
    for effort in (9, 7):
        slices = partial(_encode_jpegxl_slices, effort=effort)
        add_rival(Rival(f"jpegxl-e{effort}", slices, _decode_jpegxl_slices, needs=("imagecodecs",)))
    channels = partial(_encode_jpegxl_channels, effort=7)
    _both_orders(Rival("jpegxl-e7-channels", channels, _decode_jpegxl_channels, needs=("imagecodecs",)))
    add_rival(Rival("jpegls", _encode_jpegls, _decode_jpegls, needs=("imagecodecs", "jpeg_ls")))
    # The default slab of 32 slices, and one that holds most volumes whole, which is a little smaller.
    for name, slab in (("tomoz", 32), ("tomoz-slab256", 256)):
        _both_orders(Rival(name, partial(_encode_tomoz, slab=slab), _decode_tomoz, needs=("tomoz",)))
    add_rival(Rival("htj2k", _encode_htj2k, _decode_htj2k, needs=("imagecodecs",)))
    add_rival(Rival("jpeg2000", _encode_jpeg2k, _decode_jpeg2k, needs=("imagecodecs",)))


_add_all()
