"""The quality index q, and everything that follows it on a logarithmic scale (equation 1 of the paper)."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch

from medcodec.errors import OptionError

QUALITIES = 21
# The paper's text has 0.03 as the least lambda; its published training code has 0.003 (1..27 times 0.003).
LAMBDA_RANGE = (0.003, 0.081)

# An index for the whole batch, or one per element of the batch, shape (N,).
Quality: TypeAlias = float | torch.Tensor


def check_quality(q: Quality) -> None:
    """Refuse an index outside of [0, 20].

    Raises
    ------
    OptionError
        If it is outside, or not a number.
    """
    indices = torch.as_tensor(q)
    if not bool(((indices >= 0) & (indices <= QUALITIES - 1)).all()):
        msg = f"quality index q is {q}; give a number from 0 (smallest) to {QUALITIES - 1} (best)"
        raise OptionError(msg)


def interpolate(bounds: torch.Tensor, q: Quality) -> torch.Tensor:
    """Return a parameter at a quality index, between its two trained bounds.

    Parameters
    ----------
    bounds
        Values at q = 0 and q = 20, positive, shape (2, 1, 1, 1).
    q
        Quality index, one for all or shape (N,).

    Returns
    -------
    torch.Tensor
        Shape (1, 1, 1, 1) or (N, 1, 1, 1); differentiable in ``bounds``.
    """
    low, high = bounds.log()
    share = torch.as_tensor(q, dtype=bounds.dtype, device=bounds.device).reshape(-1, 1, 1, 1) / (
        QUALITIES - 1
    )
    return torch.exp(low + share * (high - low))


def rate_distortion_lambda(q: float) -> float:
    """Return the weight of the mean squared error (of values 0..255) against bits per pixel.

    Raises
    ------
    OptionError
        If q is not in [0, 20].
    """
    check_quality(q)
    low, high = (math.log(bound) for bound in LAMBDA_RANGE)
    return math.exp(low + q / (QUALITIES - 1) * (high - low))
