"""Running encoders that are programs of their own, in a private folder and with a time limit."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from medcodec.codecs.base import AnyArray
from medcodec.errors import MedcodecError

# Reference encoders take minutes per frame of a large scan; nothing takes longer than this and is alive.
_LEAST_SECONDS, _SECONDS_PER_SAMPLE = 600, 2e-3
_SAID_CHARACTERS = 400


def raw_video(video: AnyArray, bits: int, *, chroma: bool) -> bytes:
    """Return a video as raw little-endian planes, 4:0:0, or 4:2:0 with flat chroma of the middle value."""
    dtype = np.dtype("u1" if bits <= 8 else "<u2")
    height, width = video.shape[1:]
    flat = np.full(2 * (height // 2) * (width // 2) if chroma else 0, 1 << (bits - 1), dtype).tobytes()
    return b"".join(picture.astype(dtype).tobytes() + flat for picture in video)


def run_encoder(
    codec: str, video: bytes, command: Callable[[Path, Path], list[str]], *, samples: int
) -> bytes:
    """Run an encoder on a raw video and return its stream.

    Parameters
    ----------
    codec
        Its name, for messages.
    video
        The raw video.
    command
        Returns the command line, given the paths of the input and of the stream.
    samples
        How many samples there are; the time limit grows with them.

    Raises
    ------
    MedcodecError
        If the program cannot be run, fails, takes too long or writes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="medcodec-") as folder:
        source, target = Path(folder, "in.yuv"), Path(folder, "out.bin")
        source.write_bytes(video)
        line = command(source, target)
        limit = _LEAST_SECONDS + samples * _SECONDS_PER_SAMPLE
        try:
            done = subprocess.run(
                line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as error:
            msg = f"codec {codec!r}: {line[0]} took more than {limit:.0f} s; choose a faster preset"
            raise MedcodecError(msg) from error
        except OSError as error:
            msg = f"codec {codec!r}: {line[0]} cannot be run ({error.strerror})"
            raise MedcodecError(msg) from error
        if done.returncode != 0 or not target.is_file() or target.stat().st_size == 0:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()[-_SAID_CHARACTERS:]
            msg = f"codec {codec!r}: {line[0]} failed with status {done.returncode}: {said or 'no message'}"
            raise MedcodecError(msg)
        return target.read_bytes()


def ffmpeg_command(program: str, source: Path, *, pixel_format: str, size: str) -> list[str]:
    """Return the beginning of a command line of ffmpeg that reads a raw video; the encoder's part follows."""
    read = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", size, "-r", "25", "-i", str(source)]
    return [program, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *read]
