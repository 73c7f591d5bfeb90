"""One process of a training run, or one of several that a launcher such as torchrun started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Processes:
    """One process among all.

    Parameters
    ----------
    rank, ranks
        Its number, and how many there are.
    device
        That it computes on.
    """

    rank: int
    ranks: int
    device: torch.device

    @property
    def writes(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.ranks > 1:
            distributed.barrier()

    def shared(self, value: float) -> float:
        """Return the first process's value."""
        if self.ranks == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, src=0)
        return float(tensor.item())

    def align(self, module: nn.Module) -> None:
        """Give all processes the parameters and buffers of the first."""
        if self.ranks > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                distributed.broadcast(tensor.data, src=0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over all processes."""
        if self.ranks == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.ravel() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.ranks
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def started_processes() -> Iterator[Processes]:
    """Join the processes that a launcher started, or be the only one."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    if ranks == 1:
        yield Processes(0, 1, device)
        return
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Processes(distributed.get_rank(), ranks, device)
    finally:
        distributed.destroy_process_group()
