"""What is done to the frames of a group before they are coded, decided by drafts of some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from medcodec.codecs.adaptive.background import solid_background
from medcodec.codecs.wavelet.averaging import repeats
from medcodec.codecs.wavelet.background import Frames, Mask
from medcodec.codecs.wavelet.encoder import CodedGroup, squared_error


@dataclass(frozen=True)
class Plan:
    """What is done to frames before they are coded.

    Parameters
    ----------
    mask
        Where they are background, shape (sequences, frames, height, width); None for nowhere.
    repeating
        Whether they differ mostly by noise, so that key frames are best far apart.
    averaged
        Whether those that others are predicted from are averaged with their neighbours.
    pixels
        Whether they may be smaller without a transform.
    """

    mask: Mask | None = None
    repeating: bool = False
    averaged: bool = False
    pixels: bool = False

    def of(self, part: tuple[slice, slice]) -> Plan:
        """Return the plan for some of the frames."""
        return replace(self, mask=None if self.mask is None else self.mask[part])


# Codes frames by a plan, at a quality that differs by so much: the group, and its rate and distortion as one.
Draft = Callable[[Frames, Plan, float], tuple[CodedGroup, float]]

# Codes frames without a transform, as close to them as a coded group.
WithoutTransform = Callable[[Frames, CodedGroup], CodedGroup]

# How large a few frames may be without a transform, beside a draft without networks, so that all are coded in
# both ways: groups with networks, and of more frames, gain as much.
_PIXELS_MARGIN = 0.9
# Frames on which plans are compared: for what helps each frame, and for what helps frames by others.
_FEW, _SOME = 3, 9


def choose_plan(frames: Frames, draft: Draft, without_transform: WithoutTransform, *, bounded: bool) -> Plan:
    """Return what pays on a few frames in the middle.

    Parameters
    ----------
    frames
        int32 of shape (sequences, frames, height, width), working units.
    draft, without_transform
        Code some of them.
    bounded
        Whether errors are bounded: then frames are coded as they are.
    """
    mask = solid_background(frames)
    if bounded and mask is None:
        return Plan()
    part = _middle(frames, _FEW)
    plans = [Plan()] if mask is None else [Plan(), Plan(mask)]
    drafts = [draft(frames[part], plan.of(part), 0.0) for plan in plans]
    plan, (coded, _) = min(zip(plans, drafts, strict=True), key=lambda each: each[1][1])
    if bounded:
        return plan
    pixels = without_transform(frames[part], coded)
    if len(pixels.data) < _PIXELS_MARGIN * len(coded.data):
        plan = replace(plan, pixels=True)
    if not repeats(frames):
        return plan
    plan = replace(plan, repeating=True)
    return replace(plan, averaged=_averaging_pays(frames, plan, draft))


def _averaging_pays(frames: Frames, plan: Plan, draft: Draft) -> bool:
    """Return whether averaging takes less rate at equal distortion.

    What rate buys is told by a draft at another quality: distortion that frames hand on weighs more than that
    of one coefficient, by which quantisation decides.
    """
    part = _middle(frames, _SOME)
    seen, plan = frames[part], plan.of(part)

    def point(plan: Plan, change: float) -> tuple[float, float]:
        coded, _ = draft(seen, plan, change)
        return np.log(len(coded.data)), np.log(max(squared_error(coded.pictures, seen), 1.0))

    rate, distortion = point(plan, 0.0)
    other_rate, other_distortion = point(plan, -1.0)
    new_rate, new_distortion = point(replace(plan, averaged=True), 0.0)
    if other_distortion <= distortion:
        return False
    slope = (other_rate - rate) / (other_distortion - distortion)
    return bool(new_rate < rate + slope * (new_distortion - distortion))


def _middle(frames: Frames, count: int) -> tuple[slice, slice]:
    """Return where some frames in the middle of the first sequence are."""
    first = max(0, (frames.shape[1] - count) // 2)
    return np.s_[:1, first : first + count]
