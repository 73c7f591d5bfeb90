"""Optical flow by a spatial pyramid (SpyNet), and warping along it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

PYRAMID_LEVELS = 6
_WIDTHS = (8, 32, 64, 32, 16, 2)


def warp(plane: Tensor, flow: Tensor) -> Tensor:
    """Read a plane where the flow points, between pixels by bilinear interpolation, edges repeated.

    Parameters
    ----------
    plane
        Shape (N, C, H, W).
    flow
        Offsets in pixels, x then y, shape (N, 2, H, W).
    """
    height, width = plane.shape[-2:]
    across = torch.linspace(-1, 1, width, dtype=plane.dtype, device=plane.device)
    down = torch.linspace(-1, 1, height, dtype=plane.dtype, device=plane.device)
    x = across + flow[:, 0] / ((width - 1) / 2)
    y = down[:, None] + flow[:, 1] / ((height - 1) / 2)
    places = torch.stack([x, y], dim=-1)
    return functional.grid_sample(plane, places, padding_mode="border", align_corners=True)


def resize(values: Tensor, factor: float) -> Tensor:
    """Resize height and width by a factor, bilinearly."""
    height, width = (round(size * factor) for size in values.shape[-2:])
    return functional.interpolate(values, (height, width), mode="bilinear", align_corners=False)


class _Estimator(nn.Module):
    """What one level of the pyramid adds to the flow."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 7, padding=3) for inputs, outputs in pairwise(_WIDTHS)
        )

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.convs[:-1]:
            features = functional.relu(layer(features))
        return self.convs[-1](features)


class SpyNet(nn.Module):
    """Flow from one picture to another, coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_Estimator() for _ in range(PYRAMID_LEVELS))

    def forward(self, target: Tensor, reference: Tensor) -> Tensor:
        """Return the flow with which `warp` of the reference shows the target.

        Parameters
        ----------
        target, reference
            Values 0..1, shape (N, 1, H, W), sizes multiples of 64; the network sees them
            as three equal colours.

        Returns
        -------
        Tensor
            Shape (N, 2, H, W).
        """
        pyramid = [(target.repeat(1, 3, 1, 1), reference.repeat(1, 3, 1, 1))]
        for _ in range(PYRAMID_LEVELS - 1):
            pyramid.append(tuple(functional.avg_pool2d(picture, 2) for picture in pyramid[-1]))
        coarsest = pyramid[-1][0]
        flow = coarsest.new_zeros(len(coarsest), 2, coarsest.shape[2] // 2, coarsest.shape[3] // 2)
        for estimator, (wanted, known) in zip(self.levels, reversed(pyramid), strict=True):
            flow = 2 * resize(flow, 2)
            flow = flow + estimator(torch.cat([wanted, warp(known, flow), flow], 1))
        return flow
