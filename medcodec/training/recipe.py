"""The recipe of a training run: a TOML file as checked settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from medcodec.errors import OptionError
from medcodec.extras import need
from medcodec.training.config import (
    DataSettings,
    DataSource,
    LoopSettings,
    ModelSettings,
    SampleSettings,
    TrainingConfig,
    TrainingStage,
    require,
)

_Settings = TypeVar("_Settings")


def load_config(path: Path) -> TrainingConfig:
    """Read the recipe of a training run.

    Raises
    ------
    OptionError
        If the file cannot be read, or a setting is unknown, missing or out of range: the text names it.
    MissingDependencyError
        On Python 3.10 without tomli.
    """
    toml = need("tomllib" if sys.version_info >= (3, 11) else "tomli", extra="torch", purpose="training")
    try:
        text = path.read_text("utf-8")
        content: dict[str, Any] = toml.loads(text)
    except (OSError, UnicodeDecodeError, toml.TOMLDecodeError) as error:
        msg = f"{path}: cannot be read as TOML ({error})"
        raise OptionError(msg) from error
    try:
        return _parsed(content, text)
    except OptionError as error:
        msg = f"{path}: {error}"
        raise OptionError(msg) from error


def _parsed(content: dict[str, Any], text: str) -> TrainingConfig:
    tables = {"model": ModelSettings, "data": DataSettings, "samples": SampleSettings, "loop": LoopSettings}
    lists = {"stages": TrainingStage, "sources": DataSource}
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key in tables:
            values[key] = _settings(tables[key], value, f"[{key}]")
        elif key in lists:
            require(isinstance(value, list), key, f"is a list of tables: write [[{key}]]")
            places = (f"[[{key}]] number {number}" for number in range(1, len(value) + 1))
            values[key] = tuple(
                _settings(lists[key], entry, place) for entry, place in zip(value, places, strict=True)
            )
        elif key == "scan_names":
            require(isinstance(value, bool), key, "is true or false")
            values[key] = value
        else:
            known = ", ".join((*tables, *lists, "scan_names"))
            require(False, f"{key!r}", f"is not known; a recipe has {known}")
    for key in ("model", "stages"):
        require(key in values, key, "is missing")
    return TrainingConfig(**values, text=text)


def _settings(kind: type[_Settings], content: Any, place: str) -> _Settings:
    require(isinstance(content, Mapping), place, "is not a table")
    entries = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for key, value in content.items():
        require(key in entries, f"{place} {key!r}", f"is not known; there are {', '.join(entries)}")
        values[key] = _typed(value, str(entries[key].type), f"{place} {key}")
    missing = [name for name, entry in entries.items() if _is_required(entry) and name not in values]
    require(not missing, f"{place} {', '.join(missing)}", "is missing")
    return kind(**values)


def _is_required(entry: Any) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}


def _typed(value: Any, annotation: str, place: str) -> Any:
    """Return a TOML value as a field's type."""
    name = annotation.removesuffix(" | None")
    if name.startswith("tuple["):
        item = name.removeprefix("tuple[").removesuffix(", ...]")
        require(isinstance(value, list), place, f"is a list of {item}")
        return tuple(_typed(entry, item, place) for entry in value)
    good = isinstance(value, _KINDS[name]) and not isinstance(value, bool)
    require(good, place, f"is {name}, not {value!r}")
    return float(value) if name == "float" else value
