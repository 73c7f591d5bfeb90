"""A whole group through weights that follow a formula, against what the published code computes."""

from __future__ import annotations

import zlib

import pytest

torch = pytest.importorskip("torch", reason="needs medcodec[torch]")

from medcodec.codecs.wavelet.paper import PaperWavelet, context, subbands
from medcodec.codecs.wavelet.paper.official import official_names

# From a transcription of the published code, in double precision, with the same weights by official name.
BITS = {
    "low": [52277.26, 0, 0, 0],
    "high": [0, 78140.00, 75406.97, 77229.77],
    "motion_latent": [0, 5586.34, 6056.49, 2044.28],
    "motion_hyper": [0, 264.37, 264.18, 264.37],
}
MEANS = [86.7710, 113.7485, 111.5730, 132.0572]
ERRORS = [0, 1257.1533, 1845.1276, 1262.4200]


def fill(model: torch.nn.Module, names: dict[str, str]) -> None:
    """Set every weight by a formula in its official name; the kernels of the lifting stay CDF 9/7."""
    for name, values in model.state_dict().items():
        official = names[name]
        if official.endswith(".mask") or ".conv_P" in official or ".conv_U" in official:
            continue
        places = torch.arange(values.numel(), dtype=torch.float64)
        wave = torch.sin(0.7 * places + zlib.crc32(official.encode()) % 97)
        if values.shape == (2, 1, 1, 1):
            low, high = (0.05, 0.3) if "QP" in official else (0.7, 1.6)
            values.copy_(torch.tensor([low, high], dtype=torch.float64).reshape(2, 1, 1, 1))
        else:
            fan_in = values[0].numel() if official.endswith("weight") else 25
            values.copy_(wave.reshape(values.shape) / 2 / fan_in**0.5)


def moving_frames() -> torch.Tensor:
    """Return four frames of a texture that drifts, shape (1, 4, 100, 120), values 0..255."""
    rows, columns = (torch.arange(size, dtype=torch.float64) for size in (100, 120))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    frames = [128 + 60 * torch.sin((x - t) / 9) + 50 * torch.cos((y + 2 * t) / 7 + x / 31) for t in range(4)]
    return torch.stack(frames)[None].clamp(0, 255)


def test_group_is_coded_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "DETAIL_CHANNELS", 8)
    monkeypatch.setattr(context, "LOWPASS_CHANNELS", 8)
    monkeypatch.setattr(subbands, "POST_CHANNELS", 8)
    model = PaperWavelet(levels=2).double().eval()
    fill(model, official_names(model))
    with torch.no_grad():
        estimate = model(moving_frames(), 7.3, motion_downsampling=2)
    for part, bits in estimate.bits.items():
        assert bits[0].tolist() == pytest.approx(BITS[part], rel=1e-4), part
    assert estimate.reconstruction.mean((2, 3))[0].tolist() == pytest.approx(MEANS, rel=1e-4)
    assert estimate.prediction_error[0].tolist() == pytest.approx(ERRORS, rel=1e-4)
