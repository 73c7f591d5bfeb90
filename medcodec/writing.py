"""Writing a volume: layout, boxes and stream, with settings that are given or searched for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from medcodec.codecs.base import Codec
from medcodec.container.choice import choose_grid, choose_layout
from medcodec.container.writer import Observer, Progress, Written, write_stream
from medcodec.rate import quality_scale, search
from medcodec.targets import Reached, Target
from medcodec.volume.frames import split_components
from medcodec.volume.model import Volume


@dataclass(frozen=True)
class WritingPlan:
    """How a volume is to be written, whichever codec it is that codes it."""

    volume: Volume
    axis: str
    group_frames: int | None
    tile: int | None
    threads: int | None
    verify: bool
    progress: Progress | None

    def write(
        self, file: BinaryIO, candidates: list[Codec], target: Target | None
    ) -> tuple[Codec, Written, Reached | None]:
        """Write the stream by the first codec that reaches the target, or else the last."""
        voxels, (codec, *others) = self.volume.voxels, candidates
        if target is not None:
            codec = quality_scale(codec, voxels)(50.0)
        codec = codec.prepare(split_components(voxels))
        write = self._writer(codec)
        if target is None:
            return codec, write(file, codec, None), None
        reached = search(voxels, codec, target, write, file, final=not others)
        if others and not reached.met:
            return self.write(file, candidates[1:], target)
        return reached.trial.codec, reached.trial.written, reached

    def _writer(self, typical: Codec) -> Callable[[BinaryIO, Codec, Observer | None], Written]:
        layout = choose_layout(self.volume.voxels, typical, self.axis)
        grid = choose_grid(layout, typical, group_frames=self.group_frames, tile=self.tile)

        def write(file: BinaryIO, codec: Codec, observe: Observer | None) -> Written:
            return write_stream(
                file,
                self.volume,
                codec,
                layout,
                grid,
                threads=self.threads,
                verify=self.verify,
                progress=self.progress,
                observe=observe,
            )

        return write
