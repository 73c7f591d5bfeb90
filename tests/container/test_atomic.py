from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import smooth_volume

import medcodec
from medcodec.container.atomic import write_atomically
from medcodec.errors import MedcodecError, OptionError
from medcodec.volume import write
from medcodec.volume.arrays import from_array

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scan(tmp_path) -> Path:
    path = tmp_path / "scan.npy"
    write(from_array(smooth_volume((8, 9, 10))), path)
    return path


def compress(source: Path, destination: Path, **options) -> None:
    medcodec.compress(source, destination, codec="test-lzma", **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_replaced_unasked(scan, tmp_path):
    target = tmp_path / "a.medc"
    target.write_text("precious")
    with pytest.raises(OptionError, match="--force"):
        compress(scan, target)
    assert target.read_text() == "precious"
    compress(scan, target, overwrite=True)
    assert medcodec.verify(target).voxels == 720


def test_the_input_is_never_the_output(scan, tmp_path):
    before = scan.read_bytes()
    os.link(scan, tmp_path / "hard.npy")
    (tmp_path / "soft.npy").symlink_to(scan)
    (tmp_path / "sub").mkdir()
    for output in (scan, tmp_path / "hard.npy", tmp_path / "soft.npy", tmp_path / "sub" / ".." / "scan.npy"):
        with pytest.raises(OptionError, match="input itself"):
            compress(scan, output, overwrite=True)
    compress(scan, tmp_path / "a.medc")
    with pytest.raises(OptionError, match="input itself"):
        medcodec.decompress(tmp_path / "a.medc", tmp_path / "a.medc", overwrite=True)
    assert scan.read_bytes() == before


def test_a_link_stays_a_link(scan, tmp_path):
    (tmp_path / "real.medc").write_text("old")
    (tmp_path / "link.medc").symlink_to("real.medc")
    compress(scan, tmp_path / "link.medc", overwrite=True)
    assert (tmp_path / "link.medc").is_symlink()
    assert medcodec.verify(tmp_path / "real.medc").voxels == 720


@pytest.mark.skipif(os.name != "posix", reason="device files")
def test_devices_and_folders_are_not_replaced(scan, tmp_path):
    with pytest.raises(OptionError, match="not a file"):
        compress(scan, Path("/dev/null"), overwrite=True)
    with pytest.raises(OptionError, match="not a file"):
        compress(scan, tmp_path, overwrite=True)


def test_after_an_error_nothing_is_left(scan, tmp_path):
    target = tmp_path / "a.medc"

    def fail(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compress(scan, target, progress=fail)
    assert names(tmp_path) == ["scan.npy"]


def test_permissions_follow_the_umask_and_the_old_file(tmp_path):
    old = os.umask(0o027)
    try:
        with write_atomically(tmp_path / "a") as file:
            file.write(b"x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    (tmp_path / "a").chmod(0o604)
    with write_atomically(tmp_path / "a") as file:
        file.write(b"y")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o604


def test_missing_and_read_only_folders(scan, tmp_path):
    with pytest.raises(MedcodecError, match="cannot be written"):
        compress(scan, tmp_path / "nowhere" / "a.medc")
    folder = tmp_path / "fixed"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(MedcodecError, match=r"a\.medc: cannot be written"):
            compress(scan, folder / "a.medc")
    finally:
        folder.chmod(0o700)


def run(code: str, *arguments: object, **options) -> subprocess.Popen:
    prelude = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import conftest, medcodec\n"
    command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
    # Not beside the sources, which have no kernels.
    away = ROOT / "tests"
    return subprocess.Popen(
        command, cwd=away, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    medcodec.compress(sys.argv[1], sys.argv[2], codec="test-lzma")
except medcodec.MedcodecError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="uses resource limits")
def test_full_disk(tmp_path):
    np.save(tmp_path / "scan.npy", np.random.default_rng(0).integers(0, 9999, (40, 40, 40)))
    process = run(FULL_DISK, tmp_path / "scan.npy", tmp_path / "a.medc")
    output, errors = process.communicate(timeout=60)
    assert "a.medc: cannot be written" in output, errors
    assert names(tmp_path) == ["scan.npy"]


SLOW = """
import time
def wait(done, total):
    print("writing", flush=True)
    time.sleep(30)
medcodec.compress(sys.argv[1], sys.argv[2], codec="test-lzma", overwrite=True, progress=wait)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("existing", [False, True])
def test_killed_while_writing(scan, tmp_path, existing):
    target = tmp_path / "out" / "a.medc"
    target.parent.mkdir()
    if existing:
        compress(scan, target)
    before = target.read_bytes() if existing else None
    process = run(SLOW, scan, target)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert target.exists() == existing
    assert not existing or target.read_bytes() == before
    compress(scan, target, overwrite=existing)
    assert medcodec.verify(target, scan).source_identical


INTERRUPTED = SLOW.replace("medcodec.compress(", "try: medcodec.compress(").replace(
    "wait)", "wait)\nexcept KeyboardInterrupt: pass"
)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted_while_writing(scan, tmp_path):
    target = tmp_path / "out" / "a.medc"
    target.parent.mkdir()
    process = run(INTERRUPTED, scan, target)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert names(target.parent) == []
