"""Training schedules as data: what a training loop runs, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["motion", "mctf", "all"]
Loss = Literal["prediction", "prediction+motion", "full"]


@dataclass(frozen=True)
class Stage:
    """One stage of a training schedule.

    Parameters
    ----------
    trainable
        The parts that change: "motion" (motion coders), "mctf" (the temporal transform with them) or "all"
        (everything but a flow network that was trained before).
    frames
        Frames of a training sample, a power of two.
    max_distance
        Greatest distance of neighbouring frames of a sample; the distance of each is chosen at random.
    loss
        "prediction": lambda times the error of the motion-compensated prediction; "prediction+motion": that
        and the bits of motion; "full": all bits, and lambda times the error of the reconstruction (eq. 3).
    learning_rate
        Of AdamW.
    epochs
        Passes over the training data.
    layer_scale
        Whether quantisation depends on the temporal level (equation 2).
    copy_levels_from
        Temporal levels from this one on start as copies of the one before it; None where none is new.
    """

    trainable: Part
    frames: int
    max_distance: int
    loss: Loss
    learning_rate: float
    epochs: int
    layer_scale: bool = False
    copy_levels_from: int | None = None


# Table 1 of the paper. The last two fields are from its training code, which the table leaves out.
PAPER_SCHEDULE = (
    Stage("motion", frames=2, max_distance=1, loss="prediction", learning_rate=1e-4, epochs=1),
    Stage("motion", frames=2, max_distance=1, loss="prediction+motion", learning_rate=1e-4, epochs=3),
    Stage("all", frames=2, max_distance=1, loss="full", learning_rate=1e-5, epochs=5),
    Stage("mctf", frames=2, max_distance=4, loss="full", learning_rate=5e-5, epochs=2, copy_levels_from=1),
    Stage("all", frames=2, max_distance=4, loss="full", learning_rate=1e-5, epochs=5),
    Stage("all", frames=4, max_distance=2, loss="full", learning_rate=1e-5, epochs=3, layer_scale=True),
    Stage("all", frames=8, max_distance=1, loss="full", learning_rate=1e-5, epochs=5, layer_scale=True),
    Stage(
        "all",
        frames=16,
        max_distance=1,
        loss="full",
        learning_rate=1e-5,
        epochs=5,
        layer_scale=True,
        copy_levels_from=3,
    ),
)
