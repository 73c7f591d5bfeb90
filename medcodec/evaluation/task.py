"""Whether a scan's use survives coding: Dice of segmentations, and the heart's ejection fraction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.errors import OptionError
from medcodec.extras import need

Array = npt.NDArray[Any]
Segmenter = Callable[[Array], Array]
ACDC_LABELS: Mapping[str, int] = {"RV": 1, "myocardium": 2, "LV": 3}


def dice(first: Array, second: Array, label: int) -> float:
    """Return 2 |A and B| / (|A| + |B|) of the voxels that have ``label``; 1 where neither has any."""
    a, b = first == label, second == label
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def ejection_fraction(labels: Array, *, label: int = ACDC_LABELS["LV"]) -> float:
    """Return the share of blood that a chamber ejects, in percent, from labels of shape ``(i, j, k, t)``.

    The greatest volume over time is end-diastole, the smallest end-systole.

    Raises
    ------
    OptionError
        If there is no time, or no chamber.
    """
    if labels.ndim != 4 or labels.shape[3] < 2:
        msg = f"an ejection fraction needs labels over time (i, j, k, t), and these have shape {labels.shape}"
        raise OptionError(msg)
    volumes = (labels == label).sum(axis=(0, 1, 2))
    if not volumes.max():
        msg = f"no voxel has label {label}, so there is no chamber to measure"
        raise OptionError(msg)
    return 100 * float(volumes.max() - volumes.min()) / float(volumes.max())


def load_segmenter(name: str) -> Segmenter:
    """Return a user's segmenter, ``"module:function"``: voxels in, labels of the same shape out.

    Raises
    ------
    OptionError
        If it cannot be imported.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Segmenter = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        msg = f"segmenter {name!r} cannot be imported ({error}); give module:function"
        raise OptionError(msg) from error
    return found


def seeded_segmenter(labels: Array, *, margin: int = 2) -> Segmenter:
    """Return a segmenter that regrows given labels from their cores, by a watershed on each slice's gradient.

    It is no trained network: its borders follow the grey values within ``margin`` pixels of the given ones,
    so it answers one question only, whether coding moves the borders that the image shows.

    Parameters
    ----------
    labels
        Shape of the scan; slices are the first two axes.
    margin
        How many pixels the cores keep from the border.
    """
    filters = need("skimage.filters", extra="eval", purpose="the seeded segmenter")
    segmentation = need("skimage.segmentation", extra="eval", purpose="the seeded segmenter")
    ndimage = need("scipy.ndimage", extra="eval", purpose="the seeded segmenter")
    flat = labels.reshape(*labels.shape[:2], -1)
    cores = np.zeros_like(flat, np.int32)
    for n in range(flat.shape[2]):
        for value in np.unique(flat[..., n]):
            core = ndimage.binary_erosion(flat[..., n] == value, iterations=margin, border_value=1)
            # The watershed takes 0 for "not decided yet", so that the background needs a number too.
            cores[..., n][core] = int(value) + 1

    def segment(voxels: Array) -> Array:
        stack = voxels.reshape(flat.shape).astype(np.float64)
        grown = np.stack(
            [
                segmentation.watershed(filters.sobel(stack[..., n]), cores[..., n]) - 1
                for n in range(flat.shape[2])
            ],
            axis=-1,
        )
        return np.asarray(grown.reshape(labels.shape))

    return segment


def check_task(
    original: Array,
    decoded: Array,
    *,
    labels: Array | None = None,
    segmenter: Segmenter | None = None,
    names: Mapping[str, int] = ACDC_LABELS,
) -> dict[str, float]:
    """Return how a segmentation changes between an original and a decoded scan.

    Parameters
    ----------
    original, decoded
        Voxels of one shape.
    labels
        True labels. With a segmenter, Dice against them is told for both scans; without one, the labels are
        regrown on both (see `seeded_segmenter`).
    segmenter
        Voxels in, labels out.
    names
        Labels by name.

    Returns
    -------
    dict
        ``dice_NAME`` between both segmentations; ``truth_original_NAME`` and ``truth_decoded_NAME`` against
        the labels; ``ef_original``, ``ef_decoded`` in percent where there are LV and time.
    """
    if segmenter is None and labels is None:
        msg = "a task check needs labels or a segmenter"
        raise OptionError(msg)
    segment = segmenter or seeded_segmenter(np.asarray(labels))
    before, after = segment(original), segment(decoded)
    found = {f"dice_{name}": dice(before, after, label) for name, label in names.items()}
    if labels is not None:
        for name, label in names.items():
            found[f"truth_original_{name}"] = dice(before, labels, label)
            found[f"truth_decoded_{name}"] = dice(after, labels, label)
    chamber = "LV" in names and all((mask == names["LV"]).any() for mask in (before, after))
    if chamber and original.ndim == 4 and original.shape[3] > 1:
        found["ef_original"] = ejection_fraction(before, label=names["LV"])
        found["ef_decoded"] = ejection_fraction(after, label=names["LV"])
    return found
