"""What each part of the wavelet codec brings: the codec without it, as BD-rate against the whole codec.

Run as ``python -m benchmarks.ablation VOLUMES... --markdown table.md``: middle slices as in the lossy
benchmark, 8 bits, real bytes, decoded.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

import numpy as np

from benchmarks.curves import Point, delta, rising
from benchmarks.environment import preamble
from benchmarks.lossy_frames import EIGHT_BITS, load_content
from benchmarks.markdown import markdown_table
from benchmarks.volumes import AnyArray, Source, find_sources
from medcodec.codecs.base import FrameGroup
from medcodec.codecs.wavelet import block_choice, codec, plan, quality
from medcodec.codecs.wavelet.codec import WaveletCodec
from medcodec.codecs.wavelet.coder_start import CoderStart
from medcodec.codecs.wavelet.coefficients import CoefficientDecoder, CoefficientEncoder
from medcodec.codecs.wavelet.encoder import GroupEncoder
from medcodec.codecs.wavelet.feedback import Feedback
from medcodec.codecs.wavelet.model import ENHANCE, WaveletModel
from medcodec.codecs.wavelet.subbands import Subband
from medcodec.codecs.wavelet.synthesis import Synthesis

QUALITIES = (4.0, 8.0, 12.0, 16.0)
WHOLE = WaveletCodec(quality=0.0)


def _without_networks(stack: ExitStack) -> None:
    for kind in (CoefficientEncoder, CoefficientDecoder):
        plain = kind.__init__
        stack.enter_context(
            patch.object(
                kind, "__init__", lambda self, shape, _, plain=plain, **more: plain(self, shape, None, **more)
            )
        )


def _without_starts(stack: ExitStack) -> None:
    stack.enter_context(patch.object(CoderStart, "put_into", lambda *_: None))


def _without_enhancement(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Synthesis, "enhance", lambda *arguments: arguments[2]))


def _without_postfilter(stack: ExitStack) -> None:
    stack.enter_context(patch.object(GroupEncoder, "_postfilter", lambda *_: set()))


def _with_one_enhancer(stack: ExitStack) -> None:
    stack.enter_context(patch.object(WaveletModel, "enhancers", (ENHANCE,)))


def _without_pixels(stack: ExitStack) -> None:
    stack.enter_context(patch.object(plan, "_PIXELS_MARGIN", 0.0))


def _without_fusion(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Synthesis, "fuse", lambda *arguments: arguments[4]))


def _without_blocks(stack: ExitStack) -> None:
    def all_or_none(saved: AnyArray) -> AnyArray:
        return np.full(saved.shape, saved.sum() >= 0, np.uint8)

    stack.enter_context(patch.object(block_choice, "_switched", all_or_none))


def _without_trellis(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Subband, "dependent", False))


def _without_feedback(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Feedback, "_aim", lambda *_: None))


def _without_layer_scale(stack: ExitStack) -> None:
    for name in ("REPEATING_LAYER_SCALE", "LAST_LAYER_SCALE"):
        stack.enter_context(patch.object(quality, name, 1.0))


def _without_block_motion(stack: ExitStack) -> None:
    effort, distances = codec.EFFORTS["default"]
    stack.enter_context(patch.dict(codec.EFFORTS, default=(replace(effort, blocks=()), distances)))


def _without_averaging(stack: ExitStack) -> None:
    stack.enter_context(patch.object(plan, "repeats", lambda _: False))


def _nothing(stack: ExitStack) -> None:
    """Change nothing."""


VARIANTS: dict[str, tuple[WaveletCodec, Callable[[ExitStack], None]]] = {
    "context networks, and where coders begin": (WHOLE, _without_networks),
    "where coders begin": (WHOLE, _without_starts),
    "enhancement": (WHOLE, _without_enhancement),
    "networks that enhance CT, and all but CT": (WHOLE, _with_one_enhancer),
    "correction by the frames beside": (WHOLE, _without_postfilter),
    "fusion": (WHOLE, _without_fusion),
    "all networks (`size=none`)": (replace(WHOLE, size="none", model=None), _nothing),
    "motion (`effort=fast`)": (replace(WHOLE, effort="fast"), _nothing),
    "motion of blocks": (WHOLE, _without_block_motion),
    "averaging, and key frames 32 apart, in series over time": (WHOLE, _without_averaging),
    "groups without a transform": (WHOLE, _without_pixels),
    "a choice for each block": (WHOLE, _without_blocks),
    "dependent quantisation by rate and distortion": (WHOLE, _without_trellis),
    "later coefficients making up for earlier ones": (WHOLE, _without_feedback),
    "a step for each temporal layer": (WHOLE, _without_layer_scale),
    "*instead*: distances of key frames tried (`effort=max`)": (replace(WHOLE, effort="max"), _nothing),
}


def curve(frames: AnyArray, variant: WaveletCodec, change: Callable[[ExitStack], None]) -> list[Point]:
    """Return rates and PSNRs (to 255) of a stack, shape ``(frames, height, width)``."""
    voxels, points = frames[None], []
    with ExitStack() as stack:
        change(stack)
        for index in QUALITIES:
            coder = variant.with_quality(index).prepare(voxels)
            data = coder.encode(FrameGroup(voxels))
            decoded = coder.decode(data, voxels.shape, voxels.dtype)
            errors = np.square(decoded[0].astype(np.float64) - frames).mean(axis=(1, 2))
            psnr_db = 10 * np.log10(255**2 / np.maximum(errors, 1e-9))
            points.append((8 * len(data) / frames.size, float(psnr_db.mean())))
    return rising(points)


def ablate(source: Source, slices: int) -> list[float | None]:
    """Return the BD-rate in percent of each variant against the whole codec."""
    (part,) = load_content(source, EIGHT_BITS).parts.values()
    frames = np.ascontiguousarray(part.voxels.T)[:slices]
    whole = curve(frames, WHOLE, _nothing)
    found = [delta(whole, curve(frames, variant, change)) for variant, change in VARIANTS.values()]
    return [None if change is None else change.value for change in found]


def table(files: Sequence[str], columns: Sequence[Sequence[float | None]]) -> str:
    """Return the table: a row for each variant, a column for each file."""
    rows = []
    for name, values in zip(VARIANTS, zip(*columns, strict=True), strict=True):
        known = [value for value in values if value is not None]
        cells = ["-" if value is None else f"{value:+.1f}" for value in values]
        rows.append([name, f"{fmean(known):+.1f}" if known else "-", *cells])
    return markdown_table(["without", "mean", *files], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("volumes", nargs="+", help="scans, or folders of scans")
    parser.add_argument("--slices", type=int, default=32, metavar="N", help="of each volume (default: 32)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args(arguments)
    sources = find_sources(options.volumes)
    columns = []
    for source in sources:
        columns.append(ablate(source, options.slices))
        print(source.name, columns[-1], flush=True)
    text = table([source.name for source in sources], columns)
    print(text)
    if options.markdown:
        told = [*options.volumes, "--slices", str(options.slices)]
        command = preamble("python -m benchmarks.ablation", told, volumes=len(sources))
        options.markdown.write_text(f"{command}\n\n{text}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
