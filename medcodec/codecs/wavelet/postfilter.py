"""The last step of decoding: pictures of a group, corrected by those next to them.

A frame is predicted from one or two others, but what its quantisation took is often left in those beside it,
and all of them are known once the group is decoded. Nothing is predicted from filtered pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from medcodec import _native
from medcodec.codecs.wavelet.hierarchy import FrameStep
from medcodec.codecs.wavelet.subbands import Plane
from medcodec.codecs.wavelet.synthesis import channels, corrected
from medcodec.entropy.network import IntegerNetwork


def features_of(pictures: Sequence[Plane], frame: int, step: int) -> npt.NDArray[np.int16]:
    """Return what the network sees of a frame.

    Parameters
    ----------
    pictures
        Of a sequence, int32 of shape (height, width), working units.
    step
        Of the frame, in 1/16 of a working unit.

    Returns
    -------
        Shape (features, height / 2, width / 2), rounded up.
    """
    picture = pictures[frame]
    previous = pictures[frame - 1] if frame else None
    following = pictures[frame + 1] if frame + 1 < len(pictures) else None
    features = channels(_native.POSTFILTER_FEATURES, picture)
    _native.postfilter_features(picture, previous, following, features, step=step)
    return features


def postfiltered(
    pictures: npt.NDArray[np.int32],
    places: Iterable[tuple[int, FrameStep]],
    steps: Sequence[int],
    top: int,
    network: IntegerNetwork,
) -> npt.NDArray[np.int32]:
    """Return pictures of which some are corrected.

    Parameters
    ----------
    pictures
        All of a group, int32 of shape (sequences, frames, height, width), working units of 0 to ``top``.
    places
        Sequences and frames of those that are.
    steps
        Of the temporal layers, in 1/16 of a working unit.
    """
    out: npt.NDArray[np.int32] = pictures.copy()
    for sequence, each in places:
        known, frame, step = pictures[sequence], each.frame, steps[each.layer]
        features = features_of(known, frame, step)
        out[sequence, frame] = corrected(known[frame], features, network, step=step, top=top)
    return out
