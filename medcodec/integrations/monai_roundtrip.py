"""MONAI transforms that compress and decompress: to train and test under compression."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import medcodec
from medcodec.api import load_volume
from medcodec.codecs.base import Codec
from medcodec.codecs.registry import make_codec
from medcodec.errors import OptionError
from medcodec.integrations.extras import missing

try:
    from monai.data import MetaTensor
    from monai.transforms import MapTransform, RandomizableTransform, Transform
    from monai.utils import convert_to_dst_type, convert_to_numpy
except ImportError as error:
    raise missing(error, extra="monai") from error

PROVENANCE = "medcodec"


class CompressRoundTrip(Transform):
    """Compress an image and give back what decompression gives, in the dtype that came in.

    Parameters
    ----------
    codec
        Name of a codec of medcodec's registry, or one with its settings.
    options
        Of the codec: ``max_error=2`` is in the units that the image has at this place of the pipeline.

    Raises
    ------
    OptionError
        If there is no such codec, it has no such option, or refuses the value.

    Notes
    -----
    What was done is in the metadata under ``"medcodec"``: a list with codec, settings (JSON), version,
    ``bits_per_voxel`` and ``max_abs_error`` of each round trip. To compress what the file stores, load it
    with ``dtype=None`` and place this first.
    """

    def __init__(self, codec: str | Codec = "adaptive", **options: Any) -> None:
        self.codec = make_codec(codec, **options) if isinstance(codec, str) else codec
        if options and not isinstance(codec, str):
            msg = f"{', '.join(options)} are settings of the codec that was given; set them there"
            raise OptionError(msg)

    def __call__(self, img: Any) -> Any:
        """Return the image after the round trip, shape ``(channels, ...)`` as it came."""
        voxels = convert_to_numpy(img)
        coded = [self._round_trip(channel) for channel in voxels]
        decoded = np.stack([channel for channel, _ in coded])
        size = sum(size for _, size in coded)
        out, *_ = convert_to_dst_type(decoded, img)
        if isinstance(out, MetaTensor):
            done = self._provenance(voxels, decoded, size)
            out.meta[PROVENANCE] = [*out.meta.get(PROVENANCE, ()), done]
        return out

    def _round_trip(self, channel: Any) -> tuple[Any, int]:
        stream = io.BytesIO()
        written = medcodec.compress(np.ascontiguousarray(channel), stream, codec=self.codec, verify=False)
        return load_volume(stream).voxels, written.file_bytes

    def _provenance(self, voxels: Any, decoded: Any, size: int) -> dict[str, Any]:
        wide = np.result_type(voxels.dtype, np.float64)
        error = np.abs(decoded.astype(wide) - voxels.astype(wide))
        return {
            "codec": self.codec.name,
            "settings": json.dumps(self.codec.to_dict(), sort_keys=True),
            "version": medcodec.__version__,
            "bits_per_voxel": 8 * size / max(1, voxels.size),
            "max_abs_error": float(np.nanmax(error, initial=0)),
        }


class CompressRoundTripd(MapTransform):
    """`CompressRoundTrip` on the images under some keys of a dictionary.

    Parameters
    ----------
    keys
        Of the images; leave out labels.
    codec, options
        As for `CompressRoundTrip`.
    allow_missing_keys
        Whether keys may be absent.
    """

    def __init__(
        self,
        keys: Any,
        codec: str | Codec = "adaptive",
        *,
        allow_missing_keys: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = CompressRoundTrip(codec, **options)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``data`` with the images replaced."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self.transform(out[key])
        return out


class RandCompressRoundTripd(RandomizableTransform, MapTransform):
    """`CompressRoundTripd` at a rate drawn anew for each item, as augmentation.

    Parameters
    ----------
    keys
        Of the images; all get the same rate.
    choices
        Settings to draw from, each a mapping of what `CompressRoundTrip` takes:
        ``[{"max_error": 2}, {"max_error": 8, "effort": "fastest"}]``.
    prob
        How often anything is done at all.
    allow_missing_keys
        Whether keys may be absent.

    Raises
    ------
    OptionError
        If there are no choices, or a codec refuses one.
    """

    def __init__(
        self,
        keys: Any,
        choices: Sequence[Mapping[str, Any]],
        *,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if not choices:
            msg = "RandCompressRoundTripd: give at least one choice"
            raise OptionError(msg)
        self.transforms = [CompressRoundTrip(**choice) for choice in choices]
        self._drawn = 0

    def randomize(self, data: Any = None) -> None:
        """Draw whether anything is done, and which choice."""
        super().randomize(data)
        self._drawn = int(self.R.randint(len(self.transforms)))

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``data`` with the images replaced."""
        out = dict(data)
        self.randomize()
        for key in self.key_iterator(out) if self._do_transform else ():
            out[key] = self.transforms[self._drawn](out[key])
        return out
