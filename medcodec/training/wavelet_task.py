"""The networks of the wavelet codec as a task of the training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from medcodec.codecs.wavelet.model import CONTEXT_NAMES
from medcodec.training import wavelet_networks as networks
from medcodec.training.config import LoopSettings
from medcodec.training.integer import QuantisedNetwork
from medcodec.training.loop import Measured
from medcodec.training.pool import Batch, Random, SamplePool


class WaveletTask:
    """Networks, and batches of their samples.

    Parameters
    ----------
    chosen
        Names of the networks.
    seed
        Of batches, different for each process.
    """

    def __init__(
        self,
        modules: torch.nn.ModuleDict,
        chosen: Sequence[str],
        pool: SamplePool,
        *,
        settings: LoopSettings,
        seed: Sequence[int],
        device: torch.device,
    ) -> None:
        self._networks = {name: modules[name] for name in chosen}
        self._pool, self._settings, self._seed, self._device = pool, settings, tuple(seed), device

    @property
    def networks(self) -> dict[str, QuantisedNetwork]:
        """The networks that change, by name."""
        return self._networks

    def unit(self, name: str) -> str:
        """Return the unit of a network's figure."""
        return "bits per decision" if name in CONTEXT_NAMES else "dB gained"

    def losses(self, step: int) -> Iterator[dict[str, Measured]]:
        """Yield, kind by kind of samples, what networks did on the batches of a step."""
        self._pool.turn_to(step // self._settings.round_steps)
        random = np.random.default_rng([*self._seed, step])
        for kind, names in networks.of_kinds(self._networks).items():
            batch = self._batch(kind, random)
            if kind in networks.CONTEXT_KINDS:
                yield {name: self._context(name, batch) for name in names}
            else:
                yield {name: self._picture(name, batch) for name in names}

    def _batch(self, kind: str, random: Random) -> Batch:
        settings = self._settings
        if kind in networks.CONTEXT_KINDS:
            return self._pool.batch(kind, settings.context_batch, settings.context_crop, random)
        return self._pool.batch(kind, settings.picture_batch, settings.picture_crop, random)

    def _output(self, name: str, x: torch.Tensor) -> torch.Tensor:
        cast = self._settings.precision == "bf16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=cast):
            output: torch.Tensor = self._networks[name](x)
        return output.float()

    def _context(self, name: str, batch: Batch) -> Measured:
        number = int(name[-1])
        features = torch.from_numpy(batch.features).to(self._device).float()
        levels = torch.from_numpy(batch.targets[:, number].astype(np.int32)).to(self._device)
        seen = networks.context_input(features, number, self._networks[name].inputs)
        bits = networks.level_bits(self._output(name, seen), levels).sum((1, 2))
        asked = torch.stack([where.sum() for where, _ in networks.decisions(levels)]).float()
        weighted = bits @ torch.from_numpy(batch.weights).to(self._device)
        return Measured(weighted * np.log(2) / asked[0].clamp(min=1), bits.sum(), asked.sum())

    def _picture(self, name: str, batch: Batch) -> Measured:
        seen = batch.features[:, : self._networks[name].inputs]
        features = torch.from_numpy(seen).to(self._device).float()
        targets = torch.from_numpy(batch.targets.astype(np.int32)).to(self._device)
        steps = torch.from_numpy(batch.steps).to(self._device)
        after, before = networks.picture_errors(self._output(name, features), targets, steps)
        weights = torch.from_numpy(batch.weights).to(self._device)
        loss = networks.picture_loss(after, weights)
        return Measured(loss, networks.gain_db(after, before, weights), torch.ones_like(loss))
