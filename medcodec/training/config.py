"""The settings of a training run, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from medcodec import _native
from medcodec.codecs.wavelet.hierarchy import GOPS
from medcodec.codecs.wavelet.model import MAX_ENHANCERS
from medcodec.errors import OptionError

NETWORK_GROUPS = ("context", "fuse", "enhance", "postfilter")


@dataclass(frozen=True)
class ModelSettings:
    """What is trained.

    Parameters
    ----------
    size
        Name of the model: the file is ``wavelet-<size>.medm``.
    context_channels, picture_channels
        Width of the context networks, and of ``fuse`` and ``enhance``.
    enhance_channels, enhance_layers
        Width of ``enhance``, if it is another, and how many convolutions it has.
    postfilter_layers
        How many convolutions ``postfilter`` has, as wide as ``fuse``; 0 makes a model without.
    context_features, enhance_features
        What networks see: one of `_native.SUBBAND_FEATURES`, one of `_native.ENHANCE_FEATURES`.
    enhancers
        Names of further networks like ``enhance``, which begin as that, and of which the encoder takes what
        suits a scan: "ct" is the network ``enhance-ct``. At most two.
    start
        Size of an installed model that training begins with, grown as is asked for here; "" for none.
    """

    size: str
    context_channels: int = 32
    picture_channels: int = 16
    enhance_channels: int = 0
    enhance_layers: int = 4
    postfilter_layers: int = 0
    context_features: int = _native.SUBBAND_FEATURES[0]
    enhance_features: int = _native.ENHANCE_FEATURES[0]
    enhancers: tuple[str, ...] = ()
    start: str = ""

    def __post_init__(self) -> None:
        require(self.size.replace("-", "").isalnum(), "model.size", "is letters, digits and hyphens")
        for name in ("context_channels", "picture_channels"):
            require(1 <= getattr(self, name) <= 256, f"model.{name}", "is 1 to 256")
        require(0 <= self.enhance_channels <= 256, "model.enhance_channels", "is 1 to 256, or 0")
        require(2 <= self.enhance_layers <= 16, "model.enhance_layers", "is 2 to 16")
        layers = self.postfilter_layers
        require(layers == 0 or 2 <= layers <= 16, "model.postfilter_layers", "is 2 to 16, or 0")
        require(len(self.enhancers) < MAX_ENHANCERS, "model.enhancers", f"are fewer than {MAX_ENHANCERS}")
        require(all(map(str.isalnum, self.enhancers)), "model.enhancers", "have names of letters and digits")
        for name, known in (
            ("context_features", _native.SUBBAND_FEATURES),
            ("enhance_features", _native.ENHANCE_FEATURES),
        ):
            require(getattr(self, name) in known, f"model.{name}", f"is one of {known}")


@dataclass(frozen=True)
class DataSettings:
    """What is taken from scans, and how it is varied.

    Parameters
    ----------
    include, exclude, validation
        Patterns of scan names, as in a shell: those taken, those left out, and those only measured on.
    draws
        Sequences taken from each scan.
    frames, crop
        Greatest number of frames, and height and width in pixels, of a sequence.
    flip, intensity, noise, motion
        Probabilities of mirroring (each axis), of other intensities, of added noise and of synthetic motion.
    eight_bits
        Probability of a sequence whose values are rounded to 8 bits.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    draws: int = 2
    frames: int = 24
    crop: int = 288
    flip: float = 0.5
    intensity: float = 0.3
    noise: float = 0.2
    motion: float = 0.2
    eight_bits: float = 0.2

    def __post_init__(self) -> None:
        require(self.draws >= 1, "data.draws", "is at least 1")
        require(self.frames >= 1, "data.frames", "is at least 1")
        require(self.crop >= 16, "data.crop", "is at least 16")
        for name in ("flip", "intensity", "noise", "motion", "eight_bits"):
            require(0 <= getattr(self, name) <= 1, f"data.{name}", "is a probability, 0 to 1")


@dataclass(frozen=True)
class SampleSettings:
    """How sequences are coded to get samples.

    Parameters
    ----------
    quality
        Range of the quality index, within 0 to 20.
    gops
        Distances of key frames, one of which is drawn.
    reversible
        Share of sequences that are coded without loss.
    motion_effort
        Of the encoder, 0 to 2.
    start_draws
        Sequences of each scan that the coders are trained on after all stages, for where they begin; 0 leaves
        that as it is in the model to start from.
    """

    quality: tuple[float, ...] = (1.0, 16.0)
    gops: tuple[int, ...] = (4, 8, 8, 16)
    reversible: float = 0.05
    motion_effort: int = 1
    start_draws: int = 0

    def __post_init__(self) -> None:
        ordered = len(self.quality) == 2 and 0 <= self.quality[0] <= self.quality[1] <= 20
        require(ordered, "samples.quality", "is two numbers from 0 to 20, the lesser one first")
        require(bool(self.gops) and set(self.gops) <= set(GOPS), "samples.gops", f"is a list of {GOPS}")
        require(0 <= self.reversible <= 1, "samples.reversible", "is a share, 0 to 1")
        require(0 <= self.motion_effort <= 2, "samples.motion_effort", "is 0, 1 or 2")
        require(self.start_draws >= 0, "samples.start_draws", "is not negative")


@dataclass(frozen=True)
class LoopSettings:
    """How networks are trained.

    Parameters
    ----------
    seed
        Of all that is drawn at random.
    context_batch, context_crop
        Crops of subbands in a batch, and their height and width in blocks of 2 x 2 coefficients.
    picture_batch, picture_crop
        Crops of pictures in a batch, and their height and width in blocks of 2 x 2 pixels.
    weight_decay
        Of AdamW.
    warmup
        Steps at the start of a stage over which the learning rate rises.
    precision
        "bf16" for automatic casts of convolutions, or "float32".
    pool_megabytes, round_steps
        Samples held in memory by each process, and after how many steps others are read.
    log_every, checkpoint_every
        Steps between rows of the curve, and between checkpoints.
    """

    seed: int = 0
    context_batch: int = 16
    context_crop: int = 32
    picture_batch: int = 16
    picture_crop: int = 32
    weight_decay: float = 1e-4
    warmup: int = 200
    precision: str = "bf16"
    pool_megabytes: int = 1500
    round_steps: int = 1000
    log_every: int = 100
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        require(self.precision in ("bf16", "float32"), "loop.precision", 'is "bf16" or "float32"')
        require(self.seed >= 0 and self.weight_decay >= 0, "loop.seed, loop.weight_decay", "are not negative")
        for name in (entry.name for entry in fields(self) if entry.type == "int" and entry.name != "seed"):
            require(getattr(self, name) >= 1, f"loop.{name}", "is at least 1")


@dataclass(frozen=True)
class TrainingStage:
    """A stage of the schedule.

    Parameters
    ----------
    name
        Of the stage, for people and for its folder.
    networks
        Which networks are trained: "context", "fuse", "enhance", "enhance-<name>", "postfilter".
    minutes, steps
        How long; exactly one is given. Only steps give the same weights again.
    learning_rate
        The peak, after warm-up; it falls to nothing along a cosine.
    samples
        "none": of sequences coded without a model; "previous": coded with the networks as they are when the
        stage begins, or with the model to start from; "keep": the samples of the stage before.
    quantised_from
        After which share of the stage networks are rounded; 0 is all of it, 1 never.
    """

    name: str
    networks: tuple[str, ...]
    learning_rate: float
    minutes: float | None = None
    steps: int | None = None
    samples: str = "none"
    quantised_from: float = 0.6

    def __post_init__(self) -> None:
        place = f"stage {self.name!r}"
        require(self.name.replace("-", "").isalnum(), place, "has a name of letters, digits and hyphens")
        known = {name for name in self.networks if not name.startswith("enhance-")} <= set(NETWORK_GROUPS)
        rule = f"is a list of {', '.join(NETWORK_GROUPS)}, enhance-<name>"
        require(bool(self.networks) and known, f"{place}, networks", rule)
        require((self.minutes is None) != (self.steps is None), place, "needs either minutes or steps")
        require((self.minutes or self.steps or 0) > 0, f"{place}, minutes or steps", "is more than 0")
        require(self.learning_rate > 0, f"{place}, learning_rate", "is more than 0")
        require(
            self.samples in ("none", "previous", "keep"),
            f"{place}, samples",
            'is "none", "previous" or "keep"',
        )
        require(0 <= self.quantised_from <= 1, f"{place}, quantised_from", "is a share, 0 to 1")


@dataclass(frozen=True)
class DataSource:
    """Where scans come from, for the card.

    Parameters
    ----------
    pattern
        Of scan names, as in a shell.
    licence
        What allows training on them.
    note
        Source, citation.
    """

    pattern: str
    licence: str
    note: str = ""


@dataclass(frozen=True)
class TrainingConfig:
    """A whole training run.

    Parameters
    ----------
    scan_names
        Whether the card names scans; where names tell of patients it should not.
    text
        The file, word for word.
    """

    model: ModelSettings
    stages: tuple[TrainingStage, ...]
    data: DataSettings = field(default_factory=DataSettings)
    samples: SampleSettings = field(default_factory=SampleSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
    sources: tuple[DataSource, ...] = ()
    scan_names: bool = True
    text: str = ""

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        require(bool(names), "stages", "are missing: there must be at least one [[stages]]")
        require(len(set(names)) == len(names), "stages", f"have the same name twice: {', '.join(names)}")
        extra = {f"enhance-{name}" for name in self.model.enhancers}
        for stage in self.stages:
            missing = {name for name in stage.networks if name.startswith("enhance-")} - extra
            require(not missing, f"stage {stage.name!r}, networks", "are named in model.enhancers")
            filters = "postfilter" in stage.networks and not self.model.postfilter_layers
            require(not filters, f"stage {stage.name!r}, networks", "need model.postfilter_layers")
        first = self.stages[0]
        possible = ("none", "previous") if self.model.start else ("none",)
        rule = f"""is {" or ".join(f'"{name}"' for name in possible)}: it is the first stage"""
        require(first.samples in possible, f"stage {first.name!r}, samples", rule)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings but the text, as JSON values."""
        content = asdict(self)
        del content["text"]
        return content


def require(good: bool, place: str, rule: str) -> None:
    """Raise `OptionError` unless a rule is kept; the text is the place and the rule."""
    if not good:
        msg = f"{place} {rule}"
        raise OptionError(msg)
