"""From a continuous quality index to steps and weights of the rate (paper, sections 3.1 and 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from medcodec import _native

BEST = 20.0
# The coarsest and the finest step, as parts of the range of values.
_COARSEST, _FINEST = 1 / 6, 1 / 2048
_FINEST_OF_VALUES = 0.7  # of the distance between values
# Where frames show the same but for noise, nearly all depend on the first temporal layers: steps grow by this
# factor with each (eq. 2). Elsewhere only the last layer, which no frame depends on, has larger steps.
REPEATING_LAYER_SCALE, LAST_LAYER_SCALE = 1.14, 1.1
# What a bit weighs, in squared steps.
LAMBDA = 0.08
STEP_UNIT = 16  # steps are integers in 1/16 of a working unit
# Of the trellis that quantises: new streams have the first, older ones the other.
STATES, FEW_STATES = _native.TRELLIS_STATES
SCALED = 64  # coefficients are compared in 1/64 of a step


@dataclass(frozen=True)
class Quality:
    """How a group is quantised.

    Parameters
    ----------
    steps
        Of each temporal layer, in 1/16 of a working unit for an orthonormal transform.
    rate_weight
        What a bit weighs, in squared 1/64 steps.
    """

    steps: tuple[int, ...]
    rate_weight: int


def interpolated(q: float, worst: float, best: float) -> float:
    """Return a parameter for quality index ``q`` from 0 to 20, between two bounds on a log scale (eq. 1)."""
    return float(worst * (best / worst) ** (q / BEST))


def quality_of(q: float, span: int, layers: int, *, value: int = 1, repeating: bool = False) -> Quality:
    """Return the quantisation for an index.

    Parameters
    ----------
    q
        From 0 to 20.
    span, value
        The range of values and the distance between them, in working units: no step is much finer than that.
    repeating
        Whether frames show the same but for noise.
    """
    coarsest = _COARSEST * span
    finest = min(max(_FINEST * span, _FINEST_OF_VALUES * value), coarsest)
    step = interpolated(q, coarsest, finest) * STEP_UNIT
    if repeating:
        scales = [REPEATING_LAYER_SCALE**layer for layer in range(layers)]
    else:
        scales = [1.0] * (layers - 1) + [LAST_LAYER_SCALE if layers > 1 else 1.0]
    steps = tuple(max(STEP_UNIT // 4, round(step * scale)) for scale in scales)
    return Quality(steps, round(LAMBDA * SCALED**2))


# For a bound on errors: steps as parts of the bound's cell. A few voxels in a hundred are then corrected.
_BOUNDED_STEP, _BOUNDED_LAYER_SCALE, _BOUNDED_LAMBDA = 1.05, 1.05, 0.06


def quality_within(max_error: int, layers: int, *, value: int) -> Quality:
    """Return the quantisation for an error bound in stored units, each of ``value`` working units."""
    step = _BOUNDED_STEP * (2 * max_error + 1) * value * STEP_UNIT
    steps = tuple(round(step * _BOUNDED_LAYER_SCALE**layer) for layer in range(layers))
    return Quality(steps, round(_BOUNDED_LAMBDA * SCALED**2))


def subband_step(step: int, norm: float) -> int:
    """Return the step of a subband whose units have length ``norm`` in the picture, in 1/16."""
    return max(1, round(step / norm))
