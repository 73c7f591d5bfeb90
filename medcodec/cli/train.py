"""``medcodec train``: networks of a codec, on a user's own scans."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medcodec.cli.command import DONE, Command


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """Train the networks of a codec on scans; stop and go on at will, on one device or several (torchrun).

    Parameters
    ----------
    codec
        Whose networks.
    config
        The recipe, a TOML file.
    data
        Folders of scans, scans, or .txt files that list some.
    out
        Folder for the model, its card, the curve, checkpoints and samples.
    resume
        Go on from the last checkpoint of that folder.
    """

    name: ClassVar[str] = "train"
    summary: ClassVar[str] = "train a codec's networks on scans"
    examples: ClassVar[str] = """\
  medcodec train wavelet --config wavelet-small.toml --data scans/ --out run
  medcodec train wavelet --config wavelet-small.toml --data scans/ --out run --resume
  torchrun --nproc-per-node 4 -m medcodec train wavelet --config wavelet-small.toml --data scans/ --out run"""

    codec: str
    config: Path
    data: list[Path]
    out: Path
    resume: bool = False

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Declare this command's own arguments."""
        parser.add_argument("codec", choices=("wavelet",), help="whose networks are trained")
        parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="recipe (TOML)")
        parser.add_argument(
            "--data",
            required=True,
            action="append",
            type=Path,
            metavar="DIR",
            help="folder of scans, a scan, or a .txt file that lists some; may be repeated",
        )
        parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for results")
        parser.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")

    def run(self) -> int:
        """Train."""
        from medcodec.extras import need  # noqa: PLC0415 (slow to import)
        from medcodec.training.recipe import load_config  # noqa: PLC0415

        config = load_config(self.config)
        need("torch", extra="torch", purpose="training")
        from medcodec.training.wavelet import train_wavelet  # noqa: PLC0415

        trained = train_wavelet(
            config,
            self.data,
            self.out,
            resume=self.resume,
            threads=self.threads,
            command=self._command(),
            tell=self.console.note,
        )
        self.console.result(f"the model is {trained.model}, its card {trained.card}")
        return DONE

    def _command(self) -> str:
        data = [word for path in self.data for word in ("--data", str(path))]
        words = ["medcodec", "train", self.codec, "--config", str(self.config), *data, "--out", str(self.out)]
        return shlex.join(words)
