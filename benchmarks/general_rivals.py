"""General-purpose and numerical compressors, on the stored bytes: gzip, zstd, xz, blosc2, pcodec."""

from __future__ import annotations

import gzip
import lzma

import numpy as np

from benchmarks.rivals import AnyArray, Job, Rival, Streams, add_rival


def _from_bytes(data: bytes, job: Job) -> AnyArray:
    return np.frombuffer(data, job.stack.dtype).reshape(job.stack.shape)


def _encode_gzip(job: Job) -> Streams:
    return [gzip.compress(job.stack.tobytes(), 9, mtime=0)]


def _decode_gzip(streams: Streams, job: Job) -> AnyArray:
    return _from_bytes(gzip.decompress(streams[0]), job)


def _encode_xz(job: Job) -> Streams:
    return [lzma.compress(job.stack.tobytes(), preset=9 | lzma.PRESET_EXTREME)]


def _decode_xz(streams: Streams, job: Job) -> AnyArray:
    return _from_bytes(lzma.decompress(streams[0]), job)


def _compress_zstd(data: bytes) -> bytes:
    import zstandard  # noqa: PLC0415

    # What `zstd -19 --long` sets: long-distance matching in a window of 128 MiB.
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, source_size=len(data), enable_ldm=True, window_log=27
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _decompress_zstd(data: bytes) -> bytes:
    import zstandard  # noqa: PLC0415

    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(data)


def _encode_zstd(job: Job) -> Streams:
    return [_compress_zstd(job.stack.tobytes())]


def _decode_zstd(streams: Streams, job: Job) -> AnyArray:
    return _from_bytes(_decompress_zstd(streams[0]), job)


def _encode_zstd_shuffle(job: Job) -> Streams:
    planes = job.stack.reshape(-1, 1).view(np.uint8).T
    return [_compress_zstd(np.ascontiguousarray(planes).tobytes())]


def _decode_zstd_shuffle(streams: Streams, job: Job) -> AnyArray:
    planes = np.frombuffer(_decompress_zstd(streams[0]), np.uint8).reshape(job.stack.itemsize, -1)
    return _from_bytes(np.ascontiguousarray(planes.T).tobytes(), job)


def _encode_blosc2(job: Job) -> Streams:
    import blosc2  # noqa: PLC0415

    data = blosc2.compress2(
        job.stack,
        typesize=job.stack.itemsize,
        codec=blosc2.Codec.ZSTD,
        clevel=9,
        filters=[blosc2.Filter.BITSHUFFLE],
        nthreads=1,
    )
    return [bytes(data)]


def _decode_blosc2(streams: Streams, job: Job) -> AnyArray:
    import blosc2  # noqa: PLC0415

    return _from_bytes(bytes(blosc2.decompress2(streams[0], nthreads=1)), job)


def _encode_pcodec(job: Job) -> Streams:
    from pcodec import ChunkConfig, standalone  # noqa: PLC0415

    config = ChunkConfig(compression_level=12, enable_8_bit=True)
    return [bytes(standalone.simple_compress(job.stack.ravel(), config))]


def _decode_pcodec(streams: Streams, job: Job) -> AnyArray:
    from pcodec import standalone  # noqa: PLC0415

    return np.asarray(standalone.simple_decompress(streams[0])).reshape(job.stack.shape)


add_rival(Rival("xz-9e", _encode_xz, _decode_xz, takes="stored", needs=()))
add_rival(Rival("zstd-19-long", _encode_zstd, _decode_zstd, takes="stored", needs=("zstandard",)))
add_rival(Rival("gzip-9", _encode_gzip, _decode_gzip, takes="stored", needs=()))
add_rival(Rival("blosc2", _encode_blosc2, _decode_blosc2, takes="stored", needs=("blosc2",)))
add_rival(Rival("pcodec", _encode_pcodec, _decode_pcodec, takes="stored", needs=("pcodec",)))
add_rival(
    Rival("zstd-19-shuffle", _encode_zstd_shuffle, _decode_zstd_shuffle, takes="stored", needs=("zstandard",))
)
