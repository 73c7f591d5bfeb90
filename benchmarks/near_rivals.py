"""Codecs for near-lossless work: JPEG-LS NEAR, SZ3 and SPERR beside medcodec's ``max_error``.

SZ3 and SPERR see floats and round after decoding; an integer bound N then lets them ask for almost N + 1/2,
which they are given. That is more than their users get who do not know this, and favours them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from io import BytesIO

import numpy as np

from benchmarks.medcodec_entries import EFFORTS, encode_file
from benchmarks.rivals import AnyArray, Job, Streams, Takes

# Just below one half, so that float rounding inside the codec does not break the bound.
HALF = 0.49


@dataclass(frozen=True)
class NearRival:
    """A codec with an error bound N in stored units.

    Parameters
    ----------
    name, takes, needs
        As in `benchmarks.rivals.Rival`.
    encode
        From the job and N.
    decode
        To integers of the job's shape.
    is_bounded
        No voxel may be off by more than N; otherwise N only sets the PSNR that is aimed at.
    """

    name: str
    encode: Callable[[Job, int], Streams]
    decode: Callable[[Streams, Job], AnyArray]
    needs: tuple[str, ...]
    takes: Takes = "integers"
    is_bounded: bool = True

    def missing(self) -> list[str]:
        """Return the needed modules that are not installed."""
        return [module for module in self.needs if find_spec(module) is None]


def _encode_jpegls(job: Job, max_error: int) -> Streams:
    import jpeg_ls  # noqa: PLC0415

    rows, columns = job.stack.shape[1:]
    encode = partial(jpeg_ls.encode_buffer, interleave_mode=0)
    bits = max(job.bits, 2)
    return [bytes(encode(frame.tobytes(), rows, columns, 1, bits, max_error)) for frame in job.stack]


def _decode_jpegls(streams: Streams, _job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return np.stack([imagecodecs.jpegls_decode(stream) for stream in streams])


def _encode_sz3(job: Job, max_error: int) -> Streams:
    import imagecodecs  # noqa: PLC0415

    return [bytes(imagecodecs.sz3_encode(job.stack.astype(np.float32), mode="abs", abs=max_error + HALF))]


def _decode_sz3(streams: Streams, job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return _rounded(imagecodecs.sz3_decode(streams[0], job.stack.shape, np.float32), job)


def _encode_sperr_bounded(job: Job, max_error: int) -> Streams:
    import imagecodecs  # noqa: PLC0415

    stack = job.stack.astype(np.float32)
    return [bytes(imagecodecs.sperr_encode(stack, max_error + HALF, "pwe", numthreads=1))]


def _encode_sperr_psnr(job: Job, max_error: int) -> Streams:
    import imagecodecs  # noqa: PLC0415

    # The noise of a uniform quantiser of 2N + 1 integers: what a bounded coder ends at if errors are even.
    mean_square = ((2 * max_error + 1) ** 2 - 1) / 12
    psnr_db = 20 * np.log10(float(np.ptp(job.stack)) / np.sqrt(mean_square))
    return [bytes(imagecodecs.sperr_encode(job.stack.astype(np.float32), psnr_db, "psnr", numthreads=1))]


def _decode_sperr(streams: Streams, job: Job) -> AnyArray:
    import imagecodecs  # noqa: PLC0415

    return _rounded(imagecodecs.sperr_decode(streams[0], numthreads=1), job)


def _rounded(values: AnyArray, job: Job) -> AnyArray:
    return np.rint(values).astype(np.int64).reshape(job.stack.shape)


def _encode_medcodec(job: Job, max_error: int, *, effort: str) -> Streams:
    return encode_file(job, effort=effort, max_error=max_error)


def _decode_medcodec(streams: Streams, job: Job) -> AnyArray:
    import medcodec  # noqa: PLC0415

    with medcodec.open(BytesIO(streams[0]), threads=1) as volume:
        voxels: AnyArray = np.asarray(volume).T.reshape(job.stack.shape)
    return voxels


NEAR_RIVALS = [
    NearRival("jpegls", _encode_jpegls, _decode_jpegls, ("imagecodecs", "jpeg_ls")),
    NearRival("sz3", _encode_sz3, _decode_sz3, ("imagecodecs",)),
    NearRival("sperr", _encode_sperr_bounded, _decode_sperr, ("imagecodecs",)),
    NearRival("sperr-psnr", _encode_sperr_psnr, _decode_sperr, ("imagecodecs",), is_bounded=False),
    *(
        NearRival(
            f"medcodec-{effort}",
            partial(_encode_medcodec, effort=effort),
            _decode_medcodec,
            ("medcodec.codecs.adaptive",),
            takes="file",
        )
        for effort in EFFORTS
    ),
]
