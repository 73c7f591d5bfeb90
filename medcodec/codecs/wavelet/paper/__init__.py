"""The size `paper` of the wavelet codec: pMCTF-L with the published widths, for official checkpoints.

Needs torch. Its probabilities come from float networks, so what it gives is an estimate of rate and
distortion, not a stream that decodes on every machine.
"""

from __future__ import annotations

from medcodec.errors import MissingDependencyError

try:
    import torch as _torch  # noqa: F401 (all modules here need it; the error below says so once)
except ImportError as error:
    msg = f"the wavelet codec's size 'paper' needs torch ({error}); install medcodec[torch]"
    raise MissingDependencyError(msg) from error

from medcodec.codecs.wavelet.paper.model import Estimate, PaperWavelet
from medcodec.codecs.wavelet.paper.official import load_official
from medcodec.codecs.wavelet.paper.quality import rate_distortion_lambda

__all__ = ["Estimate", "PaperWavelet", "load_official", "rate_distortion_lambda"]
