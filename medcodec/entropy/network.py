"""Small convolutional networks that give the same integers on every machine.

A layer computes ``sum = conv(x, weight, zero padding) + bias`` and
``y = clip((sum * multiplier + (1 << shift >> 1)) >> shift, low, high)``. All sums are proven to stay below
``2**24``, so that any order of summation, in 32-bit integers or in single precision, gives the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.entropy.network_bytes import MAX_CHANNELS, MAX_LAYERS, pack_network, unpack_network
from medcodec.errors import FormatError, OptionError, UnsupportedDataError

SUM_LIMIT = 1 << 24
MAX_MULTIPLIER = 1 << 15
MAX_SHIFT = 31


@dataclass(frozen=True, eq=False)
class IntegerConv:
    """One convolution with its requantisation.

    Parameters
    ----------
    weight
        int8, shape ``(outputs, inputs, size, size)``, size 1 or 3.
    bias
        int32, shape ``(outputs,)``: added to the sums before they are scaled.
    multiplier
        int32, shape ``(outputs,)``, 1 to ``2**15``.
    shift
        0 to 31: results are ``sum * multiplier / 2**shift``, rounded half up.
    low, high
        Range to which results are clipped.

    Raises
    ------
    FormatError
        If a shape, a dtype or a range is another.
    """

    weight: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: int
    low: int
    high: int

    def __post_init__(self) -> None:
        self._check_arrays()
        if not (0 <= self.shift <= MAX_SHIFT and -(1 << 15) <= self.low <= self.high < 1 << 15):
            msg = f"shift {self.shift} or the clip range {self.low} to {self.high} is out of bounds"
            raise FormatError(msg)
        for name in ("weight", "bias", "multiplier"):
            values = np.array(getattr(self, name), order="C")
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def _check_arrays(self) -> None:
        shape = self.weight.shape
        if self.weight.dtype != np.int8 or len(shape) != 4 or shape[2:] not in ((1, 1), (3, 3)):
            msg = f"weights are {self.weight.dtype} of shape {shape}, not int8 (outputs, inputs, 1 or 3, ...)"
            raise FormatError(msg)
        if not (1 <= shape[0] <= MAX_CHANNELS and 1 <= shape[1] <= MAX_CHANNELS):
            msg = f"{shape[1]} inputs and {shape[0]} outputs: each must be 1 to {MAX_CHANNELS}"
            raise FormatError(msg)
        for name in ("bias", "multiplier"):
            values = getattr(self, name)
            if values.dtype != np.int32 or values.shape != shape[:1]:
                msg = f"{name} is {values.dtype} of shape {values.shape}, not int32 of shape {shape[:1]}"
                raise FormatError(msg)
        if self.multiplier.min() < 1 or self.multiplier.max() > MAX_MULTIPLIER:
            msg = f"a multiplier is not 1 to {MAX_MULTIPLIER}"
            raise FormatError(msg)

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.weight.shape[0])

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weight.shape[1])

    @property
    def size(self) -> int:
        """Width of the kernel: 1 or 3."""
        return int(self.weight.shape[2])

    def largest_sum(self, largest_input: int) -> int:
        """Return the bound of ``|sum|``, in any order of summation, for inputs up to ``largest_input``."""
        weights = np.abs(self.weight.astype(np.int64)).sum(axis=(1, 2, 3))
        return int((np.abs(self.bias.astype(np.int64)) + weights * largest_input).max())


class IntegerNetwork:
    """A chain of convolutions, exact in integers.

    Parameters
    ----------
    layers
        At least one. What is between layers is 0 to 255; the last layer's results fit int16.
    input_low, input_high
        Range of the inputs, within -128 to 127 or 0 to 255.

    Raises
    ------
    FormatError
        If the layers do not chain, or a sum might reach ``2**24``: the text names the layer and the bound.
    """

    def __init__(self, layers: Iterable[IntegerConv], *, input_low: int, input_high: int) -> None:
        self.layers = tuple(layers)
        self.input_low = int(input_low)
        self.input_high = int(input_high)
        self._check_ranges()
        self._check_sums()
        self._handles: dict[str, Any] = {}

    def _check_ranges(self) -> None:
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            msg = f"a network has {len(self.layers)} layers: it must have 1 to {MAX_LAYERS}"
            raise FormatError(msg)
        lowest, highest = (-128, 127) if self.input_low < 0 else (0, 255)
        if not lowest <= self.input_low <= self.input_high <= highest:
            msg = (
                f"inputs of {self.input_low} to {self.input_high} are within neither -128 to 127 nor 0 to 255"
            )
            raise FormatError(msg)
        for number, (layer, following) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if layer.outputs != following.inputs:
                msg = (
                    f"layer {number} has {layer.outputs} outputs, but the next has {following.inputs} inputs"
                )
                raise FormatError(msg)
            if layer.low < 0 or layer.high > 255:
                msg = f"layer {number} gives {layer.low} to {layer.high}: between layers it must be 0 to 255"
                raise FormatError(msg)

    def _check_sums(self) -> None:
        largest = max(-self.input_low, self.input_high)
        for number, layer in enumerate(self.layers):
            bound = layer.largest_sum(largest)
            if bound >= SUM_LIMIT:
                msg = f"sums of layer {number} may reach {bound}: to be exact they must be below {SUM_LIMIT}"
                raise FormatError(msg)
            largest = layer.high

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return self.layers[-1].outputs

    @property
    def radius(self) -> int:
        """How many pixels away an input can still change an output."""
        return sum(layer.size // 2 for layer in self.layers)

    @property
    def macs_per_pixel(self) -> int:
        """Multiplications per pixel."""
        return sum(layer.weight.size for layer in self.layers)

    def run(
        self, x: npt.NDArray[np.int16], *, path: str = "auto", skip: bool = True
    ) -> npt.NDArray[np.int16]:
        """Compute the network on one plane or several; the interpreter lock is released meanwhile.

        Parameters
        ----------
        x
            int16, shape ``(inputs, height, width)`` or ``(planes, inputs, height, width)``.
        path
            Instruction set: "auto", "baseline", "avx2", "avxvnni" or "avx512"; all give the same numbers.
        skip
            Whether to save work where all inputs around are zero; the numbers are the same.

        Returns
        -------
            int16, ``x.shape`` with ``outputs`` instead of ``inputs``.

        Raises
        ------
        UnsupportedDataError
            If the shape or dtype is another, or an input is out of range.
        OptionError
            If this processor does not have the path.
        """
        if x.dtype != np.int16 or x.ndim not in (3, 4) or x.shape[-3] != self.inputs:
            msg = f"inputs are {x.dtype} of shape {x.shape}, not int16 (..., {self.inputs}, height, width)"
            raise UnsupportedDataError(msg)
        planes = np.ascontiguousarray(x[None] if x.ndim == 3 else x)
        out = np.empty((planes.shape[0], self.outputs, *planes.shape[2:]), np.int16)
        if out.size and not self._native(path).run(planes, out, skip=skip):
            msg = f"an input is not within {self.input_low} to {self.input_high}: clip the inputs"
            raise UnsupportedDataError(msg)
        return out[0] if x.ndim == 3 else out

    def _native(self, path: str) -> Any:
        handle = self._handles.get(path)
        if handle is None:
            if not _native.network_has_path(path):
                msg = f'this processor or build does not have the path "{path}": use "auto"'
                raise OptionError(msg)
            layers = tuple((c.weight, c.bias, c.multiplier, c.shift, c.low, c.high) for c in self.layers)
            handle = _native.Network(layers, input_low=self.input_low, input_high=self.input_high, path=path)
            self._handles[path] = handle
        return handle

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, state: bytes) -> None:
        self.__dict__.update(IntegerNetwork.from_bytes(state).__dict__)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `to_bytes` in hexadecimal: what a stream names its network by."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Return the network's one binary form, laid out as `medcodec.entropy.network_bytes` says."""
        layers = [(c.weight, c.bias, c.multiplier, c.shift, c.low, c.high) for c in self.layers]
        return pack_network(layers, self.input_low, self.input_high)

    @classmethod
    def from_bytes(cls, data: bytes) -> IntegerNetwork:
        """Read what `to_bytes` wrote.

        Raises
        ------
        FormatError
            If the bytes are no network, or one whose sums are not proven exact.
        """
        layers, input_low, input_high = unpack_network(data)
        return cls((IntegerConv(*fields) for fields in layers), input_low=input_low, input_high=input_high)
