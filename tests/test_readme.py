"""What the documentation shows works, and what it links to exists."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from medcodec.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SAMPLE = ROOT / "examples" / "t1_head.nii.gz"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])


def test_python_examples_run(tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    shutil.copy(SAMPLE, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    examples = blocks("python")
    assert examples
    names: dict[str, object] = {}
    for number, code in enumerate(examples):
        exec(compile(code, f"README.md, example {number}", "exec"), names)
    assert names["slice_"].shape == (274, 384)
    assert names["crop"].shape == (40, 40, 4)
    assert names["found"].voxels == 64 * 64 * 8
    assert (tmp_path / "restored.nii").is_file()


def test_commands_run(tmp_path, monkeypatch):
    shutil.copy(SAMPLE, tmp_path / "scan.nii.gz")
    monkeypatch.chdir(tmp_path)
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    assert lines
    for line in lines:
        command, _, otherwise = line.partition(" || ")
        name, *arguments = shlex.split(command)
        assert name == "medcodec"
        assert (main(arguments) == 0) != bool(otherwise), line


def test_the_first_screen_holds_two_commands():
    setup, tests = blocks("sh")
    assert "examples/t1_head.nii.gz" in setup
    assert "pytest" in tests
    assert README.index(tests) < 1500
    for command in (setup, tests):
        assert "-c constraints.txt" in command


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, target
