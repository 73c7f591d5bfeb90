"""The adaptive lossless and near-lossless codec."""

from medcodec.codecs.adaptive.codec import AdaptiveCodec

__all__ = ["AdaptiveCodec"]
