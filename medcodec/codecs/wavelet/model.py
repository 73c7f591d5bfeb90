"""The networks of a size of the codec, as one file that streams name by its SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from medcodec import _native
from medcodec.codecs.wavelet.coder_start import CoderStart
from medcodec.entropy.network import IntegerNetwork
from medcodec.errors import FormatError, ModelMissingError, OptionError

STEPS = 4
# Subbands that are high across columns and, transposed, high across rows share networks.
CONTEXT_KINDS = ("edge", "corner")
CONTEXT_NAMES = tuple(f"context-{kind}-{step}" for kind in CONTEXT_KINDS for step in range(STEPS))
FUSE, ENHANCE, POSTFILTER = "fuse", "enhance", "postfilter"
# How many inputs networks may have (the first features, or all of them), and outputs.
NETWORK_SHAPES: dict[str, tuple[tuple[int, ...], int]] = {
    FUSE: ((_native.FUSE_FEATURES,), 4),
    ENHANCE: (_native.ENHANCE_FEATURES, 4),
    POSTFILTER: ((_native.POSTFILTER_FEATURES,), 4),
    **dict.fromkeys(CONTEXT_NAMES, (_native.SUBBAND_FEATURES, _native.SUBBAND_HEADS)),
}
# Further networks that correct reconstructions, each better on other pictures: ``enhance-<name>``.
MAX_ENHANCERS = 3
_MAGIC = b"medcodec wavelet model 1\n"
_START = "start"
CODERS = 2  # of coefficients: coarse and fine
NO_MODEL = "none"  # the size of a plain wavelet coder


@dataclass(frozen=True)
class WaveletModel:
    """What was learned.

    Parameters
    ----------
    networks
        By name: ``context-<kind>-<step>``, ``fuse`` and ``enhance``, all of them, perhaps ``postfilter``, and
        at most two named ``enhance-<name>``.
    starts
        What the coders of coefficients begin with, coarse and fine; empty if they have learnt nothing.

    Raises
    ------
    FormatError
        If a network is missing, unknown, or has other inputs or outputs, or there is one start.
    """

    networks: Mapping[str, IntegerNetwork]
    starts: tuple[CoderStart, ...] = ()

    def __post_init__(self) -> None:
        names = {POSTFILTER, *self.networks} - set(self.enhancers[1:])
        if names != set(NETWORK_SHAPES) or len(self.enhancers) > MAX_ENHANCERS:
            msg = f"a wavelet model holds the networks {sorted(NETWORK_SHAPES)}, "
            msg += f"this one {sorted(self.networks)}"
            raise FormatError(msg)
        for name, network in self.networks.items():
            inputs, outputs = NETWORK_SHAPES[ENHANCE if name in self.enhancers else name]
            if network.inputs not in inputs or network.outputs != outputs or network.input_low > -127:
                possible = " or ".join(map(str, inputs))
                msg = f"network {name!r} has {network.inputs} inputs and {network.outputs} outputs; "
                msg += f"it should have {possible} and {outputs}, with inputs of -127 to 127"
                raise FormatError(msg)
        if len(self.starts) not in (0, CODERS):
            msg = f"a wavelet model says where {CODERS} coders begin, or none; not {len(self.starts)}"
            raise FormatError(msg)

    @property
    def enhancers(self) -> tuple[str, ...]:
        """Names of the networks that correct reconstructions, in the order of their numbers in streams."""
        return (ENHANCE, *sorted(name for name in self.networks if name.startswith(f"{ENHANCE}-")))

    def context(self, orientation: int, step: int) -> IntegerNetwork:
        """Return the network that is asked before a step of a subband."""
        return self.networks[f"context-{CONTEXT_KINDS[orientation == 3]}-{step}"]

    def to_bytes(self) -> bytes:
        """Return the file: a line, then each network, and the starts under the name ``start``.

        ``<H`` is before a name, ``<I`` before its bytes.
        """
        entries = {name: network.to_bytes() for name, network in self.networks.items()}
        if self.starts:
            entries[_START] = b"".join(start.to_bytes() for start in self.starts)
        parts = [_MAGIC]
        for name, data in sorted(entries.items()):
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
        networks, starts, at = {}, b"", len(_MAGIC)
        try:
            while at < len(data):
                (length,) = struct.unpack_from("<H", data, at)
                name = data[at + 2 : at + 2 + length].decode()
                (size,) = struct.unpack_from("<I", data, at + 2 + length)
                at += 6 + length + size
                if name == _START:
                    starts = data[at - size : at]
                else:
                    networks[name] = IntegerNetwork.from_bytes(data[at - size : at])
        except (struct.error, UnicodeDecodeError) as error:
            msg = "the wavelet model is cut off or damaged"
            raise FormatError(msg) from error
        found = []
        while starts:
            start, starts = CoderStart.from_bytes(starts)
            found.append(start)
        return cls(networks, tuple(found))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


_SHIPPED = Path(__file__).parents[2] / "models"
# Folders with more models: those that a house has trained on its own scans.
MODELS_VARIABLE = "MEDCODEC_MODELS"
_NAME = re.compile(r"wavelet-(?P<size>.+?)(-(?P<number>\d+))?\.medm")


@dataclass(frozen=True)
class _File:
    """A file of a model, by its name: ``wavelet-<size>-<number>.medm``, or without a number."""

    size: str
    number: int
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@lru_cache(maxsize=4)
def _files(folders: str) -> tuple[_File, ...]:
    """Return the models of the package, and then those of folders, which `os.pathsep` parts."""
    found = []
    for folder in (_SHIPPED, *map(Path, filter(None, folders.split(os.pathsep)))):
        if not folder.is_dir():
            msg = f"{folder}: there is no such folder of models; {MODELS_VARIABLE} names it"
            raise ModelMissingError(msg)
        for path in sorted(folder.iterdir()):
            name = _NAME.fullmatch(path.name)
            if name:
                found.append(_File(name["size"], int(name["number"] or 0), path.read_bytes()))
    return tuple(found)


def _known() -> tuple[_File, ...]:
    return _files(os.environ.get(MODELS_VARIABLE, ""))


def current_model(size: str) -> str:
    """Return the SHA-256 of the newest model of a size.

    Raises
    ------
    OptionError
        If there is none.
    """
    files = [file for file in _known() if file.size == size]
    if not files:
        sizes = ", ".join(sorted({file.size for file in _known()} | {NO_MODEL}))
        msg = f"codec 'wavelet': there are no networks of size {size!r} but of {sizes}; "
        msg += f"folders with networks of your own are named in {MODELS_VARIABLE}"
        raise OptionError(msg)
    return max(files, key=lambda file: file.number).sha256


@lru_cache(maxsize=4)
def model_of(sha256: str) -> WaveletModel:
    """Return the model of a SHA-256.

    Raises
    ------
    ModelMissingError
        If there is none.
    """
    for file in _known():
        if file.sha256 == sha256:
            return WaveletModel.from_bytes(file.data)
    msg = f"this installation has no wavelet model {sha256[:16]}..., which the file was written with; update "
    msg += f"medcodec, or name the folder with the model in {MODELS_VARIABLE}"
    raise ModelMissingError(msg)
