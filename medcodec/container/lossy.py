"""The mark that a volume carries once voxels were changed, so that what is restored from it can say so."""

from __future__ import annotations

from dataclasses import replace

from medcodec.container.header import Header
from medcodec.volume.lossy import KEY
from medcodec.volume.model import SourceRecord


def with_mark(source: SourceRecord, header: Header, file_bytes: int) -> SourceRecord:
    """Return the source record of a file, with a mark if its codec does not keep every voxel.

    Parameters
    ----------
    source, header
        Of the file.
    file_bytes
        Its size, for the ratio.
    """
    if header.lossless:
        return source
    mark = {
        "codec": header.codec.name,
        "max_error": header.codec.settings.get("max_error"),
        "ratio": round(header.voxel_bytes / max(1, file_bytes), 4),
    }
    return replace(source, meta={**source.meta, KEY: [*source.meta.get(KEY, ()), mark]})
