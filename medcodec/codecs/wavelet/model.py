"""The networks of a size of the codec, as one file that streams name by its SHA-256."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

from medcodec import _native
from medcodec.entropy.network import IntegerNetwork
from medcodec.errors import FormatError, ModelMissingError

STEPS = 4
# Subbands that are high across columns and, transposed, high across rows share networks.
CONTEXT_KINDS = ("edge", "corner")
CONTEXT_NAMES = tuple(f"context-{kind}-{step}" for kind in CONTEXT_KINDS for step in range(STEPS))
FUSE, ENHANCE = "fuse", "enhance"
_SHAPES = {
    FUSE: (_native.FUSE_FEATURES, 4),
    ENHANCE: (_native.ENHANCE_FEATURES, 4),
    **dict.fromkeys(CONTEXT_NAMES, (_native.SUBBAND_FEATURES, _native.SUBBAND_HEADS)),
}
_MAGIC = b"medcodec wavelet model 1\n"


@dataclass(frozen=True)
class WaveletModel:
    """What was learned.

    Parameters
    ----------
    networks
        By name: ``context-<kind>-<step>``, ``fuse`` and ``enhance``, all of them.

    Raises
    ------
    FormatError
        If a network is missing, unknown, or has other inputs or outputs.
    """

    networks: Mapping[str, IntegerNetwork]

    def __post_init__(self) -> None:
        if set(self.networks) != set(_SHAPES):
            msg = f"a wavelet model holds the networks {sorted(_SHAPES)}, this one {sorted(self.networks)}"
            raise FormatError(msg)
        for name, network in self.networks.items():
            if (network.inputs, network.outputs) != _SHAPES[name] or network.input_low > -127:
                msg = f"network {name!r} has {network.inputs} inputs and {network.outputs} outputs; "
                msg += f"it should have {_SHAPES[name]}, with inputs of -127 to 127"
                raise FormatError(msg)

    def context(self, orientation: int, step: int) -> IntegerNetwork:
        """Return the network that is asked before a step of a subband."""
        return self.networks[f"context-{CONTEXT_KINDS[orientation == 3]}-{step}"]

    def to_bytes(self) -> bytes:
        """Return the file: a line, then each network, ``<H`` before its name, ``<I`` before its bytes."""
        parts = [_MAGIC]
        for name in sorted(self.networks):
            data = self.networks[name].to_bytes()
            parts += [struct.pack("<H", len(name)), name.encode(), struct.pack("<I", len(data)), data]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> WaveletModel:
        """Read what `to_bytes` wrote.

        Raises
        ------
        FormatError
            If it is no model.
        """
        if not data.startswith(_MAGIC):
            msg = "this is no wavelet model of medcodec, or one of a newer version"
            raise FormatError(msg)
        networks, at = {}, len(_MAGIC)
        try:
            while at < len(data):
                (length,) = struct.unpack_from("<H", data, at)
                name = data[at + 2 : at + 2 + length].decode()
                (size,) = struct.unpack_from("<I", data, at + 2 + length)
                at += 6 + length + size
                networks[name] = IntegerNetwork.from_bytes(data[at - size : at])
        except (struct.error, UnicodeDecodeError) as error:
            msg = "the wavelet model is cut off or damaged"
            raise FormatError(msg) from error
        return cls(networks)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


_FOLDER = "models"


@lru_cache(maxsize=1)
def _shipped() -> dict[str, bytes]:
    """Return the files of wavelet models that come with the package, by name."""
    folder = resources.files("medcodec") / _FOLDER
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".medm")}


def current_model(size: str) -> str:
    """Return the SHA-256 of the newest model of a size.

    Raises
    ------
    ModelMissingError
        If the package has none.
    """
    names = sorted(name for name in _shipped() if name.startswith(f"wavelet-{size}-"))
    if not names:
        msg = f"this installation has no networks of size {size!r}; reinstall medcodec, or use size 'none'"
        raise ModelMissingError(msg)
    return hashlib.sha256(_shipped()[names[-1]]).hexdigest()


@lru_cache(maxsize=4)
def model_of(sha256: str) -> WaveletModel:
    """Return the model of a SHA-256.

    Raises
    ------
    ModelMissingError
        If the package has no such model.
    """
    for data in _shipped().values():
        if hashlib.sha256(data).hexdigest() == sha256:
            return WaveletModel.from_bytes(data)
    msg = f"this installation has no wavelet model {sha256[:16]}...; update medcodec, or add the model that "
    msg += "the file was written with to its models"
    raise ModelMissingError(msg)
