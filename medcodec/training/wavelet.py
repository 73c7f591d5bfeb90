"""Training of the wavelet codec: samples of real streams, networks in stages, and a model with its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from medcodec.codecs.wavelet.model import WaveletModel, current_model, model_of
from medcodec.container.atomic import write_atomically
from medcodec.errors import OptionError
from medcodec.training import wavelet_networks as networks
from medcodec.training.card import Figure, write_card
from medcodec.training.coders import trained_starts
from medcodec.training.config import TrainingConfig, TrainingStage
from medcodec.training.curve import Curve
from medcodec.training.data import TrainingScans, scan_sha256, training_scans
from medcodec.training.integer import in_floating_point
from medcodec.training.loop import Progress, Run, StageLoop, read_checkpoint
from medcodec.training.pool import SamplePool
from medcodec.training.processes import Processes, started_processes
from medcodec.training.wavelet_samples import SampleMaker
from medcodec.training.wavelet_task import WaveletTask
from medcodec.volume import ScanSource

CHECKPOINT, CURVE, SAMPLES = "checkpoint.pt", "curve.csv", "samples"
# Batches of a kind that validation measures on.
_MEASURED_BATCHES = 24
_FOR_VALIDATION = 1 << 20


@dataclass(frozen=True)
class Trained:
    """The files that training left."""

    model: Path
    card: Path


def train_wavelet(
    config: TrainingConfig,
    data: Sequence[Path],
    out: Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    command: str = "",
    tell: Callable[[str], None] | None = None,
) -> Trained:
    """Train the networks of the wavelet codec.

    Parameters
    ----------
    data
        Folders of scans, scans, or ``.txt`` files that list some.
    out
        Folder for the model, its card, the curve, checkpoints and samples.
    resume
        Go on from the last checkpoint of the folder.
    threads
        Of each process on a CPU; None leaves it to PyTorch.
    command
        For the card.
    tell
        Called with what happens.

    Raises
    ------
    OptionError
        If the folder holds another run, or there is nothing to resume.
    MedcodecError
        If a scan cannot be read.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    with started_processes() as processes:
        say = (tell or (lambda _: None)) if processes.writes else (lambda _: None)
        return _Training(config, training_scans(data, config.data), out, processes, say).train(
            resume, command
        )


class _Training:
    """A run of training in a folder."""

    def __init__(
        self,
        config: TrainingConfig,
        scans: TrainingScans,
        out: Path,
        processes: Processes,
        say: Callable[[str], None],
    ) -> None:
        self._config, self._scans, self._out = config, scans, out
        self._processes, self._say = processes, say
        self._identity = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode()).hexdigest()

    def train(self, resume: bool, command: str) -> Trained:
        """Train what is left of all stages."""
        run = self._restored() if resume else self._begun()
        for number, stage in enumerate(self._config.stages):
            if number >= run.progress.stage:
                self._stage(run, number, stage)
        name = f"wavelet-{self._config.model.size}"
        trained = Trained(self._out / f"{name}.medm", self._out / f"{name}.md")
        if self._processes.writes:
            self._leave(run, trained, command)
        self._processes.wait()
        return trained

    def _begun(self) -> Run:
        if (self._out / CHECKPOINT).exists():
            msg = f"{self._out}: holds a run of training already; go on with --resume, or name another folder"
            raise OptionError(msg)
        self._processes.wait()
        torch.manual_seed(self._config.loop.seed)
        modules = networks.build_networks(self._config.model).to(self._processes.device)
        if self._processes.writes:
            self._out.mkdir(parents=True, exist_ok=True)
        self._processes.wait()
        run = Run(modules, Progress(), Curve(self._out / CURVE, writes=self._processes.writes))
        self._save(run)
        return run

    def _restored(self) -> Run:
        path = self._out / CHECKPOINT
        if not path.exists():
            msg = f"{self._out}: holds no run of training to go on with; start one without --resume"
            raise OptionError(msg)
        state = read_checkpoint(path)
        if state["identity"] != self._identity:
            msg = f"{self._out}: its run of training has another config; use that, or name another folder"
            raise OptionError(msg)
        modules = networks.build_networks(self._config.model)
        modules.load_state_dict(state["networks"])
        for name, quantised in state["quantised"].items():
            modules[name].quantise(quantised)
        progress = Progress(**state["progress"])
        curve = Curve(self._out / CURVE, rows=progress.rows, writes=self._processes.writes)
        self._say(f"going on with stage {progress.stage + 1}, step {progress.step}")
        return Run(modules.to(self._processes.device), progress, curve, state["optimiser"])

    def _save(self, run: Run) -> None:
        if self._processes.writes:
            run.save(self._out / CHECKPOINT, self._identity)

    def _stage(self, run: Run, number: int, stage: TrainingStage) -> None:
        paths = self._samples(number, self._scans.training)
        processes, seed = self._processes, self._config.loop.seed
        chosen = [name for group in stage.networks for name in networks.members(group)]
        self._say(f"stage {number + 1} ({stage.name}): training {', '.join(stage.networks)}")
        pool = SamplePool(
            paths,
            budget_megabytes=self._config.loop.pool_megabytes,
            seed=[seed, number, processes.rank],
        )
        task = WaveletTask(
            run.networks,
            chosen,
            pool,
            settings=self._config.loop,
            seed=[seed, number, processes.rank],
            device=processes.device,
        )
        loop = StageLoop(run, task, stage, settings=self._config.loop, processes=processes)
        loop.train(lambda: self._save(run))
        if processes.writes:
            # The model first: with a checkpoint after the stage, samples may be asked for that it makes.
            _write(self._out / f"stage-{stage.name}.medm", self._model(run).to_bytes())
        self._save(run)
        processes.wait()

    def _model(self, run: Run) -> WaveletModel:
        """Return the integer networks; those that no stage trains are what they were at the start."""
        made = networks.export_model(run.networks)
        if not self._config.model.start:
            return made
        groups = {group for stage in self._config.stages for group in stage.networks}
        trained = {name for group in groups for name in networks.members(group)}
        before = self._before(0)
        kept = {name: network for name, network in before.networks.items() if name not in trained}
        return WaveletModel({**made.networks, **kept}, before.starts)

    def _with_starts(self, model: WaveletModel) -> WaveletModel:
        """Return the model with what its coders learn from the scans, if that is asked for."""
        draws = self._config.samples.start_draws
        if not draws:
            return model
        self._say("training where coders begin")
        data, seed = replace(self._config.data, draws=draws), [self._config.loop.seed]
        return replace(
            model, starts=trained_starts(self._scans.training, data, self._config.samples, model, seed)
        )

    def _samples(self, number: int, scans: Sequence[ScanSource], *, validation: bool = False) -> list[Path]:
        """Return the files of samples of a stage; what is missing is made, by all processes together."""
        maker = self._maker(number, validation=validation)
        ranks = self._processes.ranks
        for made, (scan, _) in enumerate(maker.make(scans, rank=self._processes.rank, ranks=ranks), start=1):
            self._say(f"samples of {made} of {-(-len(scans) // ranks)} scans: {scan.name}")
        self._processes.wait()
        return [maker.path_of(scan) for scan in scans]

    def _maker(self, number: int, *, validation: bool) -> SampleMaker:
        stages = self._config.stages
        while stages[number].samples == "keep":
            number -= 1
        model = self._before(number) if stages[number].samples == "previous" else None
        seed = [self._config.loop.seed, _FOR_VALIDATION if validation else number]
        data = self._config.data
        if validation:
            data = replace(data, flip=0.0, intensity=0.0, noise=0.0, motion=0.0, eight_bits=0.0)
        return SampleMaker(self._out / SAMPLES, data, self._config.samples, tuple(seed), model)

    def _before(self, number: int) -> WaveletModel:
        """Return the model as a stage finds it."""
        if number == 0:
            return model_of(current_model(self._config.model.start))
        name = self._config.stages[number - 1].name
        return WaveletModel.from_bytes((self._out / f"stage-{name}.medm").read_bytes())

    def _leave(self, run: Run, trained: Trained, command: str) -> None:
        model = self._with_starts(self._model(run))
        figures = self._figures(run)
        _write(trained.model, model.to_bytes())
        hashes = {scan: scan_sha256(scan) for scan in (*self._scans.training, *self._scans.validation)}
        write_card(
            trained.card,
            model,
            config=self._config,
            scans=self._scans,
            hashes=hashes,
            figures=figures,
            command=command,
        )
        self._say(f"written: {trained.model}, {trained.card}")

    def _figures(self, run: Run) -> list[Figure]:
        """Return what the networks do on scans for validation, or else on those of training."""
        validation = bool(self._scans.validation)
        scans = self._scans.validation or self._scans.training
        last = len(self._config.stages) - 1
        maker = self._maker(last, validation=validation)
        paths = [path for _, path in maker.make(scans)]
        pool = SamplePool(paths, budget_megabytes=self._config.loop.pool_megabytes, seed=[_FOR_VALIDATION])
        pool.turn_to(0)
        task = WaveletTask(
            run.networks,
            [name for name in run.networks if pool.has(networks.kind_of(name))],
            pool,
            settings=replace(self._config.loop, precision="float32"),
            seed=[self._config.loop.seed, _FOR_VALIDATION],
            device=self._processes.device,
        )
        run.networks.eval()
        exact = _measured(task)
        with in_floating_point(task.networks.values()):
            unrounded = _measured(task)
        return [Figure(name, value, unrounded[name], task.unit(name)) for name, value in exact.items()]


def _measured(task: WaveletTask) -> dict[str, float]:
    """Return the mean figure of each network, as they are now."""
    sums: dict[str, list[float]] = {}
    with torch.no_grad():
        for step in range(_MEASURED_BATCHES):
            for measured in task.losses(step):
                for name, part in measured.items():
                    total = sums.setdefault(name, [0.0, 0.0])
                    total[0] += float(part.figure)
                    total[1] += float(part.weight)
    return {name: total / weight for name, (total, weight) in sums.items()}


def _write(path: Path, data: bytes) -> None:
    with write_atomically(path) as file:
        file.write(data)
