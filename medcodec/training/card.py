"""The card of a model: what it was trained on, how, and what it reaches, for people."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import medcodec
from medcodec.codecs.wavelet.model import WaveletModel
from medcodec.container.atomic import write_atomically
from medcodec.training.config import TrainingConfig
from medcodec.training.data import TrainingScans, matches
from medcodec.volume import ScanSource


@dataclass(frozen=True)
class Figure:
    """What a network reaches, with integers and without any rounding."""

    network: str
    exact: float
    in_floating_point: float
    unit: str


def write_card(
    path: Path,
    model: WaveletModel,
    *,
    config: TrainingConfig,
    scans: TrainingScans,
    hashes: Mapping[ScanSource, str],
    figures: Sequence[Figure],
    command: str,
) -> None:
    """Write a model's card as Markdown.

    Parameters
    ----------
    hashes
        SHA-256 of scans.
    figures
        On scans for validation or, without any, on those of training.
    command
        That trained the model.
    """
    versions = f"medcodec {medcodec.__version__}, PyTorch {torch.__version__}, numpy {np.__version__}"
    parts = [
        f"# wavelet-{config.model.size}",
        "Integer networks of medcodec's wavelet codec: context models, `fuse` and `enhance`.",
        f"* SHA-256 of the file: `{model.sha256}`\n* {len(model.to_bytes())} bytes\n"
        f"* trained with {versions}, Python {platform.python_version()}"
        + (f"\n* command: `{command}`" if command else ""),
        "## What it reaches",
        _figures_text(scans),
        _table(
            ("network", "figure", "in floating point", "unit"),
            [(f.network, f"{f.exact:.4f}", f"{f.in_floating_point:.4f}", f.unit) for f in figures],
        ),
        "## Data",
        _table(("scan", "SHA-256", "use", "licence, source"), _scan_rows(config, scans, hashes)),
        "## Config",
        f"```toml\n{config.text.strip()}\n```",
    ]
    with write_atomically(path) as file:
        file.write(("\n\n".join(parts) + "\n").encode())


def _figures_text(scans: TrainingScans) -> str:
    where = "the scans for validation, which training never saw" if scans.validation else "the training scans"
    return (
        f"On random crops of {where}, by the exact integer networks, and by the same networks without any "
        "rounding of weights and activations. Context networks: bits per binary "
        "decision (not zero, negative, above one, above two), before the coder's own adaptation. Others: the "
        "mean gain of a crop over its picture without the network, though the encoder only uses them where "
        "they help."
    )


def _scan_rows(
    config: TrainingConfig, scans: TrainingScans, hashes: Mapping[ScanSource, str]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for number, (scan, sha256) in enumerate(hashes.items(), start=1):
        source = next((entry for entry in config.sources if matches(scan, (entry.pattern,))), None)
        terms = "not stated" if source is None else "; ".join(filter(None, (source.licence, source.note)))
        name = scan.name if config.scan_names else f"scan {number}"
        rows.append((name, f"`{sha256}`", "validation" if scan in scans.validation else "training", terms))
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
