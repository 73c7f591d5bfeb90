"""Where the frames of DICOM files lie in the patient, and the order in which they make a volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medcodec.volume.dicom_values import first_item, floats, integer, value_of
from medcodec.volume.geometry import affine_from_axes

_SAME_PLACE_MM = 0.01
_SAME_DIRECTION = 1e-3


@dataclass(frozen=True)
class Frame:
    """One frame.

    Parameters
    ----------
    orientation
        Directions of increasing column and row index, 6 numbers in LPS coordinates, or None.
    position
        Centre of the first pixel in LPS millimetres, or None.
    spacing
        Between rows, between columns, between slices, in millimetres.
    slope, intercept
        Of the rescale or real-world transformation.
    instance
        Instance number, or 0.
    """

    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    spacing: tuple[float, float, float]
    slope: float
    intercept: float
    instance: int


@dataclass(frozen=True)
class Stack:
    """How frames make a volume.

    Parameters
    ----------
    order
        For each place in the volume, slices running faster than time points: the index of its frame.
    slices, times
        Extent of the two axes; ``times`` is None for a volume without a time axis.
    affine
        As in `Volume`.
    """

    order: tuple[int, ...]
    slices: int
    times: int | None
    affine: npt.NDArray[np.float64]


def read_frames(dataset: Any, count: int) -> list[Frame]:
    """Return the geometry of the ``count`` frames of a pydicom data set."""
    shared = first_item(dataset, "SharedFunctionalGroupsSequence")
    own = list(value_of(dataset, "PerFrameFunctionalGroupsSequence") or [])
    instance = integer(value_of(dataset, "InstanceNumber"))
    frames = []
    for index in range(count):
        groups = [own[index] if index < len(own) else None, shared]
        frames.append(_frame(dataset, groups, instance, single=count == 1))
    return frames


def stack_frames(frames: Sequence[Frame]) -> Stack:
    """Return how frames make a volume.

    Frames with one orientation are sorted along the normal of their plane; where each place has the same
    number of frames, more than one, that number becomes the time axis. All others stay in instance order.
    """
    files_order = sorted(range(len(frames)), key=lambda index: (frames[index].instance, index))
    distances = _distances(frames)
    if distances is None:
        return Stack(tuple(files_order), len(frames), None, _affine([frames[i] for i in files_order[:1]]))
    by_place = sorted(files_order, key=lambda index: distances[index])
    places: list[list[int]] = []
    for index in by_place:
        if places and distances[index] - distances[places[-1][-1]] < _SAME_PLACE_MM:
            places[-1].append(index)
        else:
            places.append([index])
    times = len(places[0])
    if any(len(place) != times for place in places):
        return Stack(tuple(files_order), len(frames), None, _affine([frames[i] for i in files_order[:1]]))
    rank = {index: position for position, index in enumerate(files_order)}
    columns = [sorted(place, key=lambda index: rank[index]) for place in places]
    order = tuple(column[time] for time in range(times) for column in columns)
    affine = _affine([frames[column[0]] for column in columns])
    return Stack(order, len(places), times if times > 1 else None, affine)


def common_scaling(frames: Sequence[Frame]) -> tuple[float, float] | None:
    """Return slope and intercept if all frames share them, else None."""
    found = {(frame.slope, frame.intercept) for frame in frames}
    return found.pop() if len(found) == 1 else None


def _frame(dataset: Any, groups: list[Any], instance: int, *, single: bool) -> Frame:
    def look(sequence: str, keyword: str) -> Any:
        for group in groups:
            item = first_item(group, sequence) if group is not None else None
            if item is not None and keyword in item:
                return value_of(item, keyword)
        return None

    def either(sequence: str, keyword: str) -> Any:
        found = look(sequence, keyword)
        return value_of(dataset, keyword) if found is None else found

    position = look("PlanePositionSequence", "ImagePositionPatient")
    if position is None and single:
        position = value_of(dataset, "ImagePositionPatient")
    pixels = floats(either("PixelMeasuresSequence", "PixelSpacing"), 2) or (1.0, 1.0)
    between = floats([either("PixelMeasuresSequence", "SpacingBetweenSlices")], 1)
    thickness = floats([either("PixelMeasuresSequence", "SliceThickness")], 1)
    slope = floats([either("PixelValueTransformationSequence", "RescaleSlope")], 1) or (1.0,)
    intercept = floats([either("PixelValueTransformationSequence", "RescaleIntercept")], 1) or (0.0,)
    usable = slope[0] != 0
    return Frame(
        orientation=floats(either("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        position=floats(position, 3),
        spacing=(pixels[0], pixels[1], abs((between or thickness or (1.0,))[0]) or 1.0),
        slope=slope[0] if usable else 1.0,
        intercept=intercept[0] if usable else 0.0,
        instance=instance,
    )


def _distances(frames: Sequence[Frame]) -> list[float] | None:
    """Return how far along the common normal each frame lies, or None if there is no such thing."""
    first = frames[0].orientation
    if first is None:
        return None
    normal = np.cross(first[:3], first[3:])
    distances = []
    for frame in frames:
        if frame.position is None or frame.orientation is None:
            return None
        if not np.allclose(frame.orientation, first, atol=_SAME_DIRECTION):
            return None
        distances.append(float(np.dot(normal, frame.position)))
    return distances


def _affine(column: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Return the affine of frames that lie one after the other."""
    first, last = column[0], column[-1]
    orientation = np.array(first.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    rows, columns, slices = first.spacing
    start = np.array(first.position or (0.0, 0.0, 0.0))
    if len(column) > 1 and last.position is not None:
        step = (np.array(last.position) - start) / (len(column) - 1)
    else:
        step = np.cross(orientation[:3], orientation[3:]) * slices
    axes = [orientation[:3] * columns, orientation[3:] * rows, step]
    return affine_from_axes([axis.tolist() for axis in axes], start.tolist())
