"""Run by torchrun: gradients of processes are averaged, and their weights stay the same."""

import sys
from pathlib import Path

import torch
from torch import distributed

from medcodec.training import loop, wavelet
from medcodec.training.processes import started_processes
from medcodec.training.recipe import load_config

finish, step = loop.StageLoop._finish, loop.StageLoop._step
batches = []


def gathered(values: torch.Tensor) -> list[torch.Tensor]:
    everywhere = [torch.empty_like(values) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everywhere, values)
    return everywhere


def checked_finish(self) -> None:
    weights = torch.cat([p.detach().ravel() for network in self._networks.values() for p in network.parameters()])
    first, second = gathered(weights)
    assert torch.equal(first, second)
    assert weights.isfinite().all()
    finish(self)


def noted_step(self, rate: float) -> None:
    step(self, rate)
    batches.append(next(iter(self._sums.values()))[0] if self._sums else torch.zeros((), dtype=torch.float64))


def main(recipe: str, scans: str, out: str) -> None:
    with started_processes() as processes:
        parameter = torch.nn.Parameter(torch.zeros(3))
        parameter.grad = torch.full((3,), 1.0 + processes.rank)
        untouched = torch.nn.Parameter(torch.zeros(2))
        processes.average_gradients([parameter, untouched])
        assert parameter.grad.tolist() == [1.5] * 3
        assert untouched.grad is None
        assert processes.shared(10.0 + processes.rank) == 10.0
        assert processes.writes == (processes.rank == 0)
        loop.StageLoop._finish, loop.StageLoop._step = checked_finish, noted_step
        run = wavelet._Training(load_config(Path(recipe)), *found(recipe, scans), Path(out), processes, say=tell)
        run.train(False, "")
        first, second = gathered(torch.stack(batches))
        assert not torch.equal(first, second), "all processes saw the same batches"


def found(recipe: str, scans: str) -> list[object]:
    from medcodec.training.data import training_scans

    return [training_scans([Path(scans)], load_config(Path(recipe)).data)]


def tell(text: str) -> None:
    sys.stderr.write(text + "\n")


main(*sys.argv[1:])
