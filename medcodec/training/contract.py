"""What every trainable codec can do: adaptation, training and evaluation know codecs only through this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from medcodec.codecs.base import AnyArray, FrameGroup


@dataclass(frozen=True)
class Estimate:
    """What coding a group gives, as far as gradients pass.

    Parameters
    ----------
    reconstruction
        Shape ``(sequences, frames, height, width)``, in stored values.
    bits
        By part of the stream, each of shape ``(sequences, frames)``.
    """

    reconstruction: torch.Tensor
    bits: Mapping[str, torch.Tensor]

    @property
    def total_bits(self) -> torch.Tensor:
        """All bits of the group."""
        return torch.stack([part.sum() for part in self.bits.values()]).sum()


@dataclass(frozen=True)
class AdapterSite:
    """A place where an adapter may go.

    Parameters
    ----------
    module
        Name of a module, as in ``named_modules``.
    placement
        "serial": after its output; "parallel": beside it, from its input to its output.
    channels
        Of the module's inputs and outputs.
    """

    module: str
    placement: Literal["serial", "parallel"]
    channels: tuple[int, int]


class TrainableCodec(nn.Module, ABC):
    """A codec whose networks can be trained and adapted."""

    @abstractmethod
    def forward(self, group: FrameGroup, rate: float | None) -> Estimate:
        """Return what a group would give.

        Parameters
        ----------
        rate
            Quality in the codec's own range; None codes without loss.

        Raises
        ------
        UnsupportedDataError
            If the codec cannot code these voxels.
        """

    @abstractmethod
    def compress(self, group: FrameGroup, rate: float | None) -> bytes:
        """Return a group's real bytes, coded with the networks as they are."""

    @abstractmethod
    def decompress(self, data: bytes, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> AnyArray:
        """Return the voxels of what `compress` wrote.

        Raises
        ------
        FormatError, IntegrityError
            If the bytes are malformed or damaged.
        """

    @abstractmethod
    def encoder_modules(self) -> list[nn.Module]:
        """Return the modules that only encoders need."""

    @abstractmethod
    def decoder_modules(self) -> list[nn.Module]:
        """Return the modules that decoders need."""

    @abstractmethod
    def adapter_sites(self) -> list[AdapterSite]:
        """Return where adapters may go."""
