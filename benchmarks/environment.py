"""What the tables were made with: versions and processor."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "medcodec",
    "imagecodecs",
    "tomoz",
    "av",
    "imageio-ffmpeg",
    "pyjpegls",
    "zstandard",
    "blosc2",
    "pcodec",
    "numpy",
)


def preamble(command: str, arguments: Sequence[str], *, volumes: int) -> str:
    """Return two lines for the top of a report: the command without folders, and what it ran with."""
    shown = f"{command} {shlex.join(_without_folders(argument) for argument in arguments)}"
    versions = ", ".join(f"{package} {found}" for package in PACKAGES if (found := _version(package)))
    return (
        f"Command (volumes without their folders): `{shown}`; {volumes} volumes.\n\n"
        f"Tables written with Python {platform.python_version()}, {versions}; "
        f"{_processor()}, {os.cpu_count()} logical processors, {platform.system()}."
    )


def _without_folders(argument: str) -> str:
    return Path(argument).name or argument


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the processor's name where the system tells it, or its architecture."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
