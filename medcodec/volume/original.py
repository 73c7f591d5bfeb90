"""The file that a volume was read from, as a file: its checksum, and how it was compressed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from medcodec.errors import FormatError
from medcodec.volume.gzip_layer import GzipLayer, find_layer
from medcodec.volume.model import SourceRecord
from medcodec.volume.streams import GZIP_MAGIC, Buffer

BLOB = "original"
_KEYS = {"bytes", "gzip", "name", "packed", "sha256"}


@dataclass(frozen=True)
class Original:
    """A file, told apart from all others.

    Parameters
    ----------
    name
        Its name, without folders.
    size_bytes
        Its size.
    sha256
        Of all its bytes, in hex.
    packed
        It is a gzip file.
    layer
        How to make its gzip layer again; None where that is not known.
    """

    name: str
    size_bytes: int
    sha256: str
    packed: bool = False
    layer: GzipLayer | None = None

    @classmethod
    def of(cls, name: str, data: bytes, content: Buffer | None = None) -> Original:
        """Describe a file by its name and bytes; with ``content``, what is in it, by its gzip layer too."""
        packed = data[: len(GZIP_MAGIC)] == GZIP_MAGIC
        layer = find_layer(data, content) if packed and content is not None else None
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), packed, layer)

    def matches(self, data: bytes) -> bool:
        """Tell whether a file has the same bytes."""
        return len(data) == self.size_bytes and hashlib.sha256(data).hexdigest() == self.sha256

    def to_blob(self) -> bytes:
        """Return the description as the bytes that a source record holds."""
        layer = self.layer and [self.layer.header.hex(), self.layer.level, self.layer.memory]
        fields = {"bytes": self.size_bytes, "gzip": layer, "name": self.name, "packed": self.packed}
        return json.dumps({**fields, "sha256": self.sha256}, separators=(",", ":")).encode()

    @classmethod
    def from_source(cls, source: SourceRecord) -> Original | None:
        """Return the description that a source record holds, if any.

        Raises
        ------
        FormatError
            If it is malformed.
        """
        if BLOB not in source.blobs:
            return None
        try:
            fields = json.loads(source.blobs[BLOB])
            if set(fields) != _KEYS:
                raise ValueError(sorted(fields))
            layer = fields["gzip"]
            if layer is not None:
                header, level, memory = layer
                layer = GzipLayer(bytes.fromhex(header), int(level), int(memory))
                if not (1 <= layer.level <= 9 and 1 <= layer.memory <= 9):
                    raise ValueError(layer)
            name, size, packed = str(fields["name"]), int(fields["bytes"]), bool(fields["packed"])
            return cls(name, size, str(fields["sha256"]), packed, layer)
        except (ValueError, TypeError) as error:
            msg = f"the description of the original file is malformed ({error})"
            raise FormatError(msg) from error
