"""The package as a user installs it: quick to import, whole, and its metadata true."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import medcodec
from medcodec.codecs.registry import codecs

ROOT = Path(__file__).parent.parent
PACKAGE = Path(medcodec.__file__).parent
HEAVY = ("numpy", "nibabel", "pydicom", "SimpleITK", "torch", "rich")


def python(code: str) -> str:
    """Run code in a fresh interpreter that sees the medcodec under test."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no TOML reader")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def constraints() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_importing_is_quick_and_needs_little():
    code = "import sys, time; t = time.process_time(); import medcodec; t = time.process_time() - t\n"
    code += f"print(t, [m for m in {HEAVY!r} if m in sys.modules])"
    seconds, modules = python(code).split(maxsplit=1)
    assert float(seconds) < 0.3
    assert modules.strip() == "[]"


def test_a_lossless_round_trip_imports_no_torch(tmp_path):
    code = "import sys, medcodec, numpy as np\n"
    code += f"medcodec.compress(np.zeros((8, 8, 8), np.int16), {str(tmp_path / 'a.medc')!r})\n"
    code += f"medcodec.decompress({str(tmp_path / 'a.medc')!r}, {str(tmp_path / 'a.npy')!r})\n"
    code += "print([m for m in ('torch', 'SimpleITK', 'pydicom') if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_the_kernels_and_type_hints_are_there():
    found = {path.name for path in PACKAGE.iterdir()}
    assert {"py.typed", "_native.pyi"} <= found
    assert any(name.startswith("_native.") and not name.endswith(".pyi") for name in found)


def installed() -> metadata.Distribution:
    try:
        return metadata.distribution("medcodec")
    except metadata.PackageNotFoundError:
        pytest.skip("medcodec is not installed: the source tree is under test")


def test_the_installed_package_is_under_test():
    files = installed().files or []
    assert PACKAGE / "__init__.py" in {Path(str(file.locate())).resolve() for file in files}


def test_the_installed_version_and_command():
    distribution = installed()
    assert distribution.version == medcodec.__version__
    scripts = [point for point in distribution.entry_points if point.group == "console_scripts"]
    assert [point.name for point in scripts] == ["medcodec"]
    module, function = scripts[0].value.split(":")
    assert python(f"from {module} import {function} as run; run(['--version'])").split() == [
        "medcodec",
        medcodec.__version__,
    ]


def test_the_version_is_the_same_everywhere(project):
    assert project["project"]["version"] == medcodec.__version__
    assert f"## {medcodec.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_entry_points_name_codecs(project):
    points = project["project"]["entry-points"]["medcodec.codecs"]
    for name in points:
        assert codecs.get(name) is not None


def test_messages_name_extras_that_exist(project):
    extras = set(project["project"]["optional-dependencies"])
    named = {
        extra
        for path in (ROOT / "medcodec").rglob("*.py")
        for group in re.findall(r"medcodec\[([\w,-]+)\]", path.read_text())
        for extra in group.split(",")
    }
    assert named
    assert named <= extras


def test_constraints_pin_what_is_asked_for(project, constraints):
    optional = project["project"]["optional-dependencies"]
    wanted = [Requirement(text) for text in project["project"]["dependencies"]]
    wanted += [Requirement(text) for extra in ("all", "dev", "bench") for text in optional[extra]]
    for requirement in wanted:
        if canonicalize_name(requirement.name) == "medcodec":
            continue
        pins = [
            pin for pin in constraints if canonicalize_name(pin.name) == canonicalize_name(requirement.name)
        ]
        assert pins, f"{requirement.name} is not in constraints.txt"
        for pin in pins:
            (exact,) = pin.specifier
            assert exact.operator == "=="
            assert requirement.specifier.contains(exact.version), f"{pin} is outside {requirement}"


def test_constraints_keep_cuda_away(constraints):
    blocked = {pin.name: pin for pin in constraints if pin.name == "cuda-toolkit"}
    assert not blocked["cuda-toolkit"].specifier.contains("13.0.3")
    assert any(pin.name == "torch" for pin in constraints)
