"""Values of DICOM attributes that may be absent, empty or malformed."""

from __future__ import annotations

from typing import Any

import numpy as np


def value_of(dataset: Any, keyword: str) -> Any:
    """Return an attribute's value, or None if it is absent or pydicom cannot make sense of it."""
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom converts on access, and fails in many ways on values that break the rules
        return None


def first_item(dataset: Any, keyword: str) -> Any:
    """Return the first item of a sequence, or None."""
    sequence = value_of(dataset, keyword)
    return sequence[0] if sequence else None


def floats(values: Any, count: int) -> tuple[float, ...] | None:
    """Return ``count`` finite floats, or None if the value is anything else."""
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def integer(value: Any) -> int:
    """Return an integer, 0 if the value is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
