"""Rate-distortion plots as PNG and SVG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from medcodec.container.atomic import write_atomically
from medcodec.evaluation.summary import codec_names, mean_curve
from medcodec.extras import need

Row = dict[str, Any]
LABELS = {
    "psnr_slice_db": "mean PSNR of slices (dB)",
    "psnr_db": "PSNR (dB)",
    "rgb_psnr_db": "PSNR in RGB, BT.709 (dB)",
    "luma_psnr_db": "PSNR of luma (dB)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
}


def write_plots(rows: list[Row], out: Path, *, quality: str) -> list[Path]:
    """Write ``rd.png`` and ``rd.svg``: mean rate and quality of each codec, over its items.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    figures = need("matplotlib.figure", extra="eval", purpose="plotting")
    figure = figures.Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in codec_names(rows):
        points = mean_curve(rows, name, quality)
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    axes.set_xlabel("bits per voxel (per pixel for video)")
    axes.set_ylabel(LABELS.get(quality, quality))
    axes.grid(visible=True, alpha=0.3)
    if axes.lines:
        axes.legend()
    paths = [out / "rd.png", out / "rd.svg"]
    for path in paths:
        drawn = io.BytesIO()
        figure.savefig(drawn, format=path.suffix[1:], dpi=150)
        with write_atomically(path) as file:
            file.write(drawn.getvalue())
    return paths
