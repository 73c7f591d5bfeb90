"""What all trainable codecs share to choose probabilities: networks that are exact in integers."""

from medcodec.entropy.network import IntegerConv, IntegerNetwork

__all__ = ["IntegerConv", "IntegerNetwork"]
