"""The Python snippets of a documentation page."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "integrations"


def run_page(name: str, *, first: int | None = None, **given: object) -> dict[str, object]:
    """Run a page's Python snippets, or only the first ones, in order; return what they define."""
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    assert snippets
    names: dict[str, object] = {"__name__": "__snippet__", **given}
    exec(compile("\n".join(snippets[:first]), name, "exec"), names)
    return names
