"""The registry of codecs."""

from medcodec.codecs.base import Codec
from medcodec.registry import Registry

codecs: Registry[type[Codec]] = Registry("codec", entry_point_group="medcodec.codecs")
