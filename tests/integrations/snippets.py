"""The Python snippets of a documentation page."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "integrations"


def run_page(name: str, **given: object) -> dict[str, object]:
    """Run all Python snippets of a page, one after another, and return what they defined."""
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)
    assert snippets
    names: dict[str, object] = {"__name__": "__snippet__", **given}
    exec(compile("\n".join(snippets), name, "exec"), names)
    return names
