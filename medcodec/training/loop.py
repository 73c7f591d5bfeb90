"""The training loop: warm-up and cosine, rounding after a share of a stage, checkpoints, a curve."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from medcodec.container.atomic import write_atomically
from medcodec.errors import FormatError
from medcodec.training.config import LoopSettings, TrainingStage
from medcodec.training.curve import Curve
from medcodec.training.integer import QuantisedNetwork
from medcodec.training.processes import Processes

# Rounding starts at scales seen in floating point: a new network needs some steps of it.
_FLOAT_STEPS = 20
_LARGEST_GRADIENT = 1.0
_SMALLEST_PEAK = 1e-3


@dataclass(frozen=True)
class Measured:
    """What a network did on a batch.

    Parameters
    ----------
    loss
        To be made small.
    figure, weight
        What people read, and what it is divided by in a mean, for example bits and decisions.
    """

    loss: torch.Tensor
    figure: torch.Tensor
    weight: torch.Tensor


class Task(Protocol):
    """What is trained."""

    @property
    def networks(self) -> dict[str, QuantisedNetwork]:
        """The networks that change, by name."""

    def unit(self, name: str) -> str:
        """Return the unit of a network's figure."""

    def losses(self, step: int) -> Iterator[dict[str, Measured]]:
        """Yield, part by part, what networks did on batches that the number of a step determines."""


@dataclass
class Progress:
    """How far a run is.

    Parameters
    ----------
    stage, step
        Stages that are done, and steps of the next one that are.
    seconds
        Spent on those steps.
    rows
        Of the curve.
    sums
        By network since the last row: loss, figure, weight and steps.
    """

    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    rows: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class Run:
    """What a run changes, as checkpoints hold it."""

    networks: nn.ModuleDict
    progress: Progress
    curve: Curve
    optimiser: dict[str, Any] | None = None

    def save(self, path: Path, identity: str) -> None:
        """Write a checkpoint."""
        self.progress.rows = self.curve.rows
        state = {
            "identity": identity,
            "networks": self.networks.state_dict(),
            "quantised": {name: network.quantised for name, network in self.networks.items()},
            "optimiser": self.optimiser,
            "progress": vars(self.progress),
        }
        with write_atomically(path) as file:
            torch.save(state, file)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `Run.save` wrote.

    Raises
    ------
    FormatError
        If it is no checkpoint.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        msg = f"{path}: cannot be read as a checkpoint ({error}); start again in another folder"
        raise FormatError(msg) from error
    return state


def learning_rate(peak: float, done: float, step: int, warmup: int) -> float:
    """Return the rate at a share of a stage, 0 to 1: a cosine, after a linear rise."""
    return peak * min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class StageLoop:
    """Trains the networks of a task for one stage."""

    def __init__(
        self,
        run: Run,
        task: Task,
        stage: TrainingStage,
        *,
        settings: LoopSettings,
        processes: Processes,
    ) -> None:
        self._run, self._task, self._stage, self._settings = run, task, stage, settings
        self._processes = processes
        self._networks = task.networks
        groups = [{"params": list(network.parameters())} for network in self._networks.values()]
        self._optimiser = torch.optim.AdamW(
            groups, lr=stage.learning_rate, weight_decay=settings.weight_decay
        )
        if run.optimiser is not None:
            self._optimiser.load_state_dict(run.optimiser)
        self._sums = {name: torch.tensor(sums).double() for name, sums in run.progress.sums.items()}

    def train(self, checkpoint: Callable[[], None]) -> None:
        """Train to the end of the stage.

        Parameters
        ----------
        checkpoint
            Called from time to time, between steps, when the run holds all that it takes to go on.
        """
        progress = self._run.progress
        for network in self._networks.values():
            network.train()
            if progress.step == 0 and self._stage.quantised_from > 0:
                network.quantise(False)
        while (done := self._processes.shared(self._done())) < 1:
            started = time.monotonic()
            if done >= self._stage.quantised_from:
                self._round()
            rate = learning_rate(self._stage.learning_rate, done, progress.step, self._settings.warmup)
            self._step(rate)
            progress.step += 1
            progress.seconds += time.monotonic() - started
            if progress.step % self._settings.log_every == 0:
                self._log(rate)
            if progress.step % self._settings.checkpoint_every == 0:
                self._hold()
                checkpoint()
        self._finish()

    def _done(self) -> float:
        progress = self._run.progress
        if self._stage.steps is not None:
            return progress.step / self._stage.steps
        return progress.seconds / 60 / (self._stage.minutes or 1)

    def _round(self) -> None:
        """Switch rounding on for networks that have seen enough; the first process's scales hold for all."""
        for network in self._networks.values():
            ready = bool(network.peaks.any()) or self._run.progress.step >= _FLOAT_STEPS
            if ready and not network.quantised:
                self._processes.align(network)
                start_rounding(network)

    def _step(self, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        for measured in self._task.losses(self._run.progress.step):
            torch.stack([part.loss for part in measured.values()]).sum().backward()
            for name, part in measured.items():
                self._note(name, part)
        self._processes.average_gradients(
            p for group in self._optimiser.param_groups for p in group["params"]
        )
        for group in self._optimiser.param_groups:
            nn.utils.clip_grad_norm_(group["params"], _LARGEST_GRADIENT)
        self._optimiser.step()

    def _note(self, name: str, part: Measured) -> None:
        # Added up on the device: reading numbers back at every step would make it wait.
        values = (
            torch.stack([part.loss, part.figure, part.weight, torch.ones_like(part.loss)]).detach().double()
        )
        before = self._sums.get(name)
        self._sums[name] = values if before is None else before.to(values.device) + values

    def _log(self, rate: float) -> None:
        progress = self._run.progress
        if self._processes.writes:
            for name, sums in self._sums.items():
                loss, figure, weight, steps = sums.tolist()
                self._run.curve.add(
                    stage=self._stage.name,
                    step=progress.step,
                    seconds=progress.seconds,
                    learning_rate=rate,
                    rounded=int(self._networks[name].quantised),
                    network=name,
                    loss=loss / steps,
                    figure=figure / max(weight, 1e-9),
                    unit=self._task.unit(name),
                )
        self._sums.clear()

    def _hold(self) -> None:
        self._run.optimiser = self._optimiser.state_dict()
        self._run.progress.sums = {name: sums.tolist() for name, sums in self._sums.items()}

    def _finish(self) -> None:
        """Leave networks rounded, whatever the stage was, and the run at the start of the next one."""
        for network in self._networks.values():
            if not network.quantised:
                start_rounding(network)
        self._processes.align(self._run.networks)
        progress = self._run.progress
        progress.stage, progress.step, progress.seconds, progress.sums = progress.stage + 1, 0, 0.0, {}
        self._run.optimiser = None


def start_rounding(network: QuantisedNetwork) -> None:
    """Switch rounding on, with scales of the peaks seen last; small ones where nothing was active."""
    with torch.no_grad():
        network.log_scales.zero_()
        network.peaks.clamp_(min=_SMALLEST_PEAK)
    network.quantise(True)
