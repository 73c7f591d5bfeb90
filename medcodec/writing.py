"""Writing a volume: layout, boxes and stream, with settings that are given or searched for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import BinaryIO

from medcodec.bounded import bounded_sample, is_worth, transform_saving
from medcodec.codecs.base import AnyArray, Codec
from medcodec.container.choice import choose_grid, choose_layout
from medcodec.container.writer import Observer, Progress, Written, write_stream
from medcodec.errors import UnsupportedDataError
from medcodec.rate import quality_scale, search, spooled
from medcodec.targets import Reached, Target
from medcodec.volume.frames import SPACE_AXES, FrameLayout, split_components
from medcodec.volume.model import Volume

# Neither the wavelet codec nor the best standard one is smaller everywhere (docs/results/lossy.md).
_ALWAYS_TRIED = "wavelet"


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
        """Write the stream by the first codec.

        If that leaves the target unsettled (see `Reached.settled`), rounds the values to fewer bits, cannot
        code the volume or is often no better than the next, the others are tried too, and the best result is
        written. Of two codecs with an error bound, the second is tried on a part of the volume, and written
        if that promises smaller errors for what it takes, and the whole volume keeps the promise.
        """
        if target is not None:
            reached = self._reach(file, candidates, target)
            return reached.trial.codec, reached.trial.written, reached
        codec, *others = candidates
        saving = self._transform_saving(codec, others[0]) if others else 0.0
        if saving:
            return *self._write_worth(file, codec, others[0], saving), None
        return *self._write_by(file, codec), None

    def _write_by(self, file: BinaryIO, codec: Codec) -> tuple[Codec, Written]:
        codec = codec.prepare(split_components(self.volume.voxels))
        return codec, self._writer(codec)(file, codec, None)

    def _write_worth(
        self, file: BinaryIO, usual: Codec, transform: Codec, saving: float
    ) -> tuple[Codec, Written]:
        with spooled() as first, spooled() as second:
            written, stream = self._write_by(first, usual), first
            with suppress(UnsupportedDataError):  # the whole may not be what the part is
                other = self._write_by(second, transform)
                if is_worth(saving, other[1].file_bytes, written[1].file_bytes):
                    written, stream = other, second
            stream.seek(0)
            shutil.copyfileobj(stream, file)
        return written

    def _reach(self, file: BinaryIO, candidates: list[Codec], target: Target) -> Reached:
        codec, *others = candidates
        if not others:
            return self._search(file, codec, target)
        with spooled() as first, spooled() as second:
            try:
                reached, stream = self._search(first, codec, target), first
            except UnsupportedDataError:
                return self._reach(file, others, target)
            rounded = reached.trial.codec.note(split_components(self.volume.voxels)) is not None
            if rounded or not reached.settled or others[0].name == _ALWAYS_TRIED:
                other = self._reach(second, others, target)
                if other.beats(reached):
                    reached, stream = other, second
            stream.seek(0)
            shutil.copyfileobj(stream, file)
        return reached

    def _search(self, file: BinaryIO, codec: Codec, target: Target) -> Reached:
        voxels = self.volume.voxels
        codec = quality_scale(codec, voxels)(50.0).prepare(split_components(voxels))
        return search(voxels, codec, target, self._writer(codec), file)

    def _transform_saving(self, usual: Codec, transform: Codec) -> float:
        voxels = self.volume.voxels
        sample = bounded_sample(voxels)

        @cache
        def layout(judge: Codec) -> FrameLayout:
            return replace(choose_layout(voxels, judge, self.axis), shape=sample.shape)

        def frames(codec: Codec) -> AnyArray:
            # In space alone, the axis matters less than the time that a choice takes.
            judge = codec.prepare(split_components(voxels)) if voxels.ndim > SPACE_AXES else usual
            return layout(judge).to_frames(sample)

        return transform_saving(frames, usual, transform)

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
