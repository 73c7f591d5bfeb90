"""What tests of the wavelet codec share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medcodec.codecs.wavelet import plan


@pytest.fixture(scope="module")
def transformed() -> Iterator[None]:
    """Let no group be coded without a transform, as small ones often are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_PIXELS_MARGIN", 0.0)
        yield
