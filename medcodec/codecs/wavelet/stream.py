"""The bytes of a group.

``<BBBB``: version 1; flags (bit 0 reversible, bit 1 networks are used, bit 2 the trellis of 128 states, not
that of 8); the distance of key frames as a power of two; the number L of temporal layers. Then L times
``<I``, the steps of the layers in 1/16 of a working unit. Then each layer in turn: ``<III``, the lengths of
its choices, of its coarse and of its fine coefficients, and these three. Choices come frame by frame,
sequence after sequence: a byte (bit 0 predicted, bit 1 fused, bits 2 and 3 the number of the network that
enhances it, bit 4 corrected by those beside it) and, where predicted, ``<H`` and as many bytes of motion
(see `medcodec.codecs.wavelet.motion_stream`). A group may be cut after any layer, and then holds fewer
frames.

Where errors are bounded, ``<I`` and as many bytes of corrections stand before all that (see
`medcodec.codecs.wavelet.bounded`; bit 31 is set but in the first files, whose moves are longer); after them,
a mask of the background where there is one (see `medcodec.codecs.wavelet.background`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from medcodec._native import BlockContexts
from medcodec.codecs.wavelet.hierarchy import GOPS, MAX_LAYERS
from medcodec.codecs.wavelet.motion_stream import decode_motion, encode_motion
from medcodec.codecs.wavelet.quality import FEW_STATES, STATES
from medcodec.codecs.wavelet.synthesis import Choices
from medcodec.errors import FormatError

_VERSION = 1
_REVERSIBLE, _TRAINED, _MANY_STATES = 1, 2, 4
_PREDICTED, _FUSED, _ENHANCED, _POSTFILTERED = 1, 2, 4, 16
_LARGEST_STEP = 1 << 24
_SHORT_MOVES = 1 << 31  # beside the length of corrections
_FLAGS_OF_STATES = {0: _REVERSIBLE, FEW_STATES: 0, STATES: _MANY_STATES}
_STATES_OF_FLAGS = {flags: states for states, flags in _FLAGS_OF_STATES.items()}


@dataclass(frozen=True)
class GroupHeader:
    """What a whole group is coded with.

    Parameters
    ----------
    states
        Of the trellis that coefficients are quantised by; 0 if nothing was lost.
    trained
        The model's networks are used.
    gop
        The distance of key frames, a power of two.
    steps
        Of the temporal layers, in 1/16 of a working unit.
    """

    states: int
    trained: bool
    gop: int
    steps: tuple[int, ...]

    @property
    def reversible(self) -> bool:
        """Whether nothing was lost."""
        return self.states == 0

    def pack(self) -> bytes:
        """Return the bytes."""
        flags = _FLAGS_OF_STATES[self.states] | _TRAINED * self.trained
        head = struct.pack("<BBBB", _VERSION, flags, self.gop.bit_length() - 1, len(self.steps))
        return head + struct.pack(f"<{len(self.steps)}I", *self.steps)


@dataclass(frozen=True)
class LayerBytes:
    """A temporal layer: its choices, and the segments of its coefficients (coarse, fine)."""

    choices: bytes
    segments: tuple[bytes, ...]

    def pack(self) -> bytes:
        """Return the bytes."""
        parts = (self.choices, *self.segments)
        return struct.pack("<III", *(len(part) for part in parts)) + b"".join(parts)


def parse(data: bytes) -> tuple[GroupHeader, list[LayerBytes]]:
    """Take a group apart.

    Raises
    ------
    FormatError
        If it is malformed.
    """
    try:
        version, flags, log_gop, layers = struct.unpack_from("<BBBB", data)
        states = _STATES_OF_FLAGS.get(flags & ~_TRAINED)
        if version != _VERSION or states is None or log_gop >= len(GOPS):
            msg = "a group of the wavelet codec has an unknown version or setting: update medcodec"
            raise FormatError(msg)
        if not 1 <= layers <= MAX_LAYERS:
            msg = f"a group of the wavelet codec has {layers} temporal layers, not 1 to {MAX_LAYERS}"
            raise FormatError(msg)
        steps = struct.unpack_from(f"<{layers}I", data, 4)
        at = 4 + 4 * layers
        parts = []
        while at < len(data):
            lengths = struct.unpack_from("<III", data, at)
            at += 12
            if sum(lengths) > len(data) - at:
                msg = "a temporal layer ends beyond its group: the data is cut off or damaged"
                raise FormatError(msg)
            ends = [at + sum(lengths[: i + 1]) for i in range(3)]
            pieces = [data[end - length : end] for end, length in zip(ends, lengths, strict=True)]
            parts.append(LayerBytes(pieces[0], tuple(pieces[1:])))
            at = ends[-1]
    except struct.error as error:
        msg = "a group of the wavelet codec is cut off"
        raise FormatError(msg) from error
    if not all(1 <= step <= _LARGEST_STEP for step in steps) or not 1 <= len(parts) <= layers:
        msg = "a group of the wavelet codec has impossible steps or layers"
        raise FormatError(msg)
    return GroupHeader(states, bool(flags & _TRAINED), 1 << log_gop, steps), parts


# Of one frame.
MAX_MOTION_BYTES = 0xFFFF


def pack_choices(choices: Sequence[Choices], contexts: BlockContexts) -> bytes:
    """Return the bytes of a layer's choices; `contexts` are those of the group's motion."""
    parts = []
    for choice in choices:
        flags = (choice.motion is not None) * _PREDICTED | choice.fused * _FUSED | choice.enhanced * _ENHANCED
        parts.append(bytes([flags | choice.postfiltered * _POSTFILTERED]))
        if choice.motion is not None:
            motion = encode_motion(choice.motion, contexts)
            parts += [struct.pack("<H", len(motion)), motion]
    return b"".join(parts)


def parse_choices(data: bytes, count: int, shape: tuple[int, int], contexts: BlockContexts) -> list[Choices]:
    """Return the choices of ``count`` frames of ``shape``; `contexts` are those of the group's motion.

    Raises
    ------
    FormatError
        If the bytes are malformed.
    """
    choices, at = [], 0
    try:
        for _ in range(count):
            flags = data[at]
            at += 1
            motion = None
            if flags & _PREDICTED:
                (length,) = struct.unpack_from("<H", data, at)
                motion = decode_motion(data[at + 2 : at + 2 + length], shape, contexts)
                at += 2 + length
            if flags >= 2 * _POSTFILTERED:
                msg = "a frame of the wavelet codec has unknown choices: update medcodec"
                raise FormatError(msg)
            enhanced = flags % _POSTFILTERED // _ENHANCED
            choices.append(Choices(motion, bool(flags & _FUSED), enhanced, flags >= _POSTFILTERED))
    except (struct.error, IndexError) as error:
        msg = "the choices of a temporal layer are cut off"
        raise FormatError(msg) from error
    if at != len(data):
        msg = "the choices of a temporal layer do not end where they should"
        raise FormatError(msg)
    return choices


def pack_bounded(corrections: bytes, group: bytes) -> bytes:
    """Return a group with its corrections before it."""
    return struct.pack("<I", _SHORT_MOVES | len(corrections)) + corrections + group


def parse_bounded(data: bytes) -> tuple[bytes, bytes, bool]:
    """Return the corrections, the group, and whether corrections move voxels by whole cells of 2N + 1.

    Raises
    ------
    FormatError
        If the corrections end beyond the data.
    """
    head = int.from_bytes(data[:4], "little")
    length = head & ~_SHORT_MOVES
    if len(data) < 4 or length > len(data) - 4:
        msg = "the corrections of a group are cut off"
        raise FormatError(msg)
    return data[4 : 4 + length], data[4 + length :], not head & _SHORT_MOVES
