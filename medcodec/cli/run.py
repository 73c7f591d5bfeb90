"""Parse the command line, run the command, and turn every error into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence

import medcodec
from medcodec.cli.command import DONE, FAILED, INTERNAL, INTERRUPTED, Command
from medcodec.cli.compress import Compress
from medcodec.cli.console import Console
from medcodec.cli.datasets import Datasets
from medcodec.cli.decompress import Decompress
from medcodec.cli.diff import Diff
from medcodec.cli.evaluate import Evaluate
from medcodec.cli.info import Info
from medcodec.cli.report import Report
from medcodec.cli.train import Train
from medcodec.cli.verify import Verify
from medcodec.errors import LossyMammogramWarning, MedcodecError

COMMANDS: tuple[type[Command], ...] = (
    Compress,
    Decompress,
    Info,
    Verify,
    Diff,
    Evaluate,
    Report,
    Datasets,
    Train,
)

_EPILOG = """examples:
  medcodec compress scan.nii.gz             write scan.medc
  medcodec decompress scan.medc             write scan.nii, byte for byte as it was
  medcodec compress study/ -o packed/       compress every scan of a folder
  medcodec COMMAND --help                   all options of a command, with examples

exit status: 0 done; 1 failed, or differences found; 2 wrong usage; 3 salvaged with losses"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="medcodec",
        description="Compression of medical volumes: exact where it says exact, readable everywhere.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"medcodec {medcodec.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parsed = build_parser().parse_args(arguments)
    console = Console(verbose=parsed.verbose)
    # What they say, commands write as notes.
    warnings.simplefilter("ignore", LossyMammogramWarning)
    try:
        # Batch systems end jobs with SIGTERM: leave nothing incomplete then, as after an interrupt.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        command: Command = parsed.command.from_arguments(parsed)
        status = command.run()
        sys.stdout.flush()
    except MedcodecError as error:
        console.detail(traceback.format_exc().rstrip())
        console.error(str(error))
        return FAILED
    except KeyboardInterrupt:
        console.error("interrupted; nothing incomplete was left")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: nothing more to say, and no complaint at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        console.detail(traceback.format_exc().rstrip())
        console.error(
            f"internal error ({type(error).__name__}: {error}); please report it with --verbose's output"
        )
        return INTERNAL
    return status
