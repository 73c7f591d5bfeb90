"""Run by torchrun: gradients of processes are averaged, and their weights stay the same."""

import sys
from pathlib import Path

import torch
from torch import distributed

from medcodec.training import loop
from medcodec.training.processes import Processes
from medcodec.training.recipe import load_config
from medcodec.training.wavelet import train_wavelet

finish, step = loop.StageLoop._finish, loop.StageLoop._step
batches = []


def gathered(values: torch.Tensor) -> list[torch.Tensor]:
    everywhere = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everywhere, values)
    return everywhere


def checked_finish(self) -> None:
    weights = torch.cat(
        [p.detach().ravel() for network in self._networks.values() for p in network.parameters()]
    )
    first, second = gathered(weights)
    assert torch.equal(first, second)
    assert weights.isfinite().all()
    losses = gathered(torch.stack(batches))
    assert not torch.equal(*losses), "all processes saw the same batches"
    finish(self)


def noted_step(self, rate: float) -> None:
    if not batches:
        check_averages(self._processes)
    step(self, rate)
    batches.append(next(iter(self._sums.values()))[0])


def check_averages(processes: Processes) -> None:
    assert processes.ranks == 2
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.full((3,), 1.0 + processes.rank)
    untouched = torch.nn.Parameter(torch.zeros(2))
    processes.average_gradients([parameter, untouched])
    assert parameter.grad.tolist() == [1.5] * 3
    assert untouched.grad is None
    assert processes.shared(10.0 + processes.rank) == 10.0
    assert processes.writes == (processes.rank == 0)


def main(recipe: str, scans: str, out: str) -> None:
    loop.StageLoop._finish, loop.StageLoop._step = checked_finish, noted_step
    config = load_config(Path(recipe))
    train_wavelet(config, [Path(scans)], Path(out), threads=1, tell=lambda text: print(text, flush=True))
    assert batches


# Once: a second group of processes could meet addresses that the first one left behind.
main(*sys.argv[1:])
