"""medcodec itself at each effort, through its public API: file in, .medc file out, file back.

The whole .medc file is counted, with the source's header and all checksums, and the restored file must be
byte-identical; rivals are only charged for voxels.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO

import numpy as np

from benchmarks.rivals import AnyArray, Job, Rival, Streams, add_rival

EFFORTS = ("default", "max", "fast", "fastest")


def encode_file(job: Job, *, effort: str, max_error: int | None = None) -> Streams:
    """Return the .medc file of ``job.path``; not verified, as no rival decodes while it encodes."""
    import medcodec  # noqa: PLC0415

    if job.path is None:
        msg = "medcodec is measured on files"
        raise ValueError(msg)
    target = BytesIO()
    medcodec.compress(job.path, target, effort=effort, max_error=max_error, threads=1, verify=False)
    return [target.getvalue()]


def decode_file(streams: Streams, _job: Job) -> AnyArray:
    """Return the restored file's bytes, shape ``(size,)``."""
    import medcodec  # noqa: PLC0415

    target = BytesIO()
    medcodec.decompress(BytesIO(streams[0]), target, threads=1)
    return np.frombuffer(target.getvalue(), np.uint8)


for _effort in EFFORTS:
    add_rival(
        Rival(
            f"medcodec-{_effort}",
            partial(encode_file, effort=_effort),
            decode_file,
            takes="file",
            needs=("medcodec.codecs.adaptive",),
        )
    )
