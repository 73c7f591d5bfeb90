"""Names and shapes of an official checkpoint of pMCTF-L, written down apart from the codec's key map."""

from __future__ import annotations

from collections.abc import Iterator

Shape = tuple[int, ...]
Entry = tuple[str, Shape]

LEVELS = 4


def official_shapes(temporal_levels: int) -> dict[str, Shape]:
    """Return the shape of each entry, by its name."""
    entries = dict(_flow())
    for coder in ("lp_coder", "hp_coder"):
        entries.update(_coder(f"{coder}."))
    for level in range(temporal_levels):
        entries.update(_temporal(level))
    return entries


def _conv(name: str, inputs: int, outputs: int, *kernel: int) -> Iterator[Entry]:
    height, width = kernel if len(kernel) == 2 else (kernel or (3,)) * 2
    yield f"{name}.weight", (outputs, inputs, height, width)
    yield f"{name}.bias", (outputs,)


def _masked(name: str, inputs: int, outputs: int) -> Iterator[Entry]:
    yield from _conv(name, inputs, outputs)
    yield f"{name}.mask", (outputs, inputs, 3, 3)


def _residual(name: str, channels: int) -> Iterator[Entry]:
    yield from _conv(f"{name}.conv1", channels, channels)
    yield from _conv(f"{name}.conv2", channels, channels)


def _depth(name: str, inputs: int, outputs: int, *, two_slopes: bool = False) -> Iterator[Entry]:
    yield from _conv(f"{name}.block.0.conv1.0", inputs, inputs, 1)
    yield from _conv(f"{name}.block.0.depth_conv", 1, inputs)
    yield from _conv(f"{name}.block.0.conv2", inputs, outputs, 1)
    if inputs != outputs:
        yield from _conv(f"{name}.block.0.adaptor", inputs, outputs, 1)
    if two_slopes:
        yield from _conv(f"{name}.block.1.conv", outputs, 4 * outputs, 1)
        yield from _conv(f"{name}.block.1.conv_out", 2 * outputs, outputs, 1)
    else:
        yield from _conv(f"{name}.block.1.conv.0", outputs, 4 * outputs, 1)
        yield from _conv(f"{name}.block.1.conv.2", 4 * outputs, outputs, 1)


def _down(name: str, inputs: int) -> Iterator[Entry]:
    yield from _conv(f"{name}.conv1", inputs, 64)
    yield from _conv(f"{name}.conv2", 64, 64)
    yield from _conv(f"{name}.downsample", inputs, 64, 1)


def _up(name: str) -> Iterator[Entry]:
    yield from _conv(f"{name}.subpel_conv.0", 64, 256, 1)
    yield from _conv(f"{name}.conv", 64, 64)
    yield from _conv(f"{name}.upsample.0", 64, 256, 1)


def _correction(name: str) -> Iterator[Entry]:
    yield from _conv(f"{name}.conv1", 1, 16)
    yield from _conv(f"{name}.conv2", 16, 16)
    yield from _conv(f"{name}.conv3", 16, 16)
    yield from _conv(f"{name}.conv4", 16, 1)


def _flow() -> Iterator[Entry]:
    for level in range(6):
        for number, (inputs, outputs) in enumerate([(8, 32), (32, 64), (64, 32), (32, 16), (16, 2)], 1):
            yield from _conv(f"optic_flow.moduleBasic.{level}.conv{number}", inputs, outputs, 7)


def _coder(name: str) -> Iterator[Entry]:
    yield f"{name}QP", (2, 1, 1, 1)
    yield f"{name}QP_ll", (2, 1, 1, 1)
    for direction in ("lift_h", "lift_v"):
        for step in ("P1", "U1", "P2", "U2"):
            lifting = f"{name}wavelet_transform.{direction}"
            yield from _conv(f"{lifting}.conv_{step}", 1, 1, 3, 1)
            yield from _correction(f"{lifting}.{step[0]}_{step[1]}")
    for number, inputs, outputs in [(1, 1, 32), (2, 32, 32), (3, 32, 3)]:
        yield from _conv(f"{name}context_prediction.LSTM{number}.conv_in", inputs, outputs)
        yield from _conv(f"{name}context_prediction.LSTM{number}.conv_hidden", outputs, outputs)
        for level in range(LEVELS - 1):
            for kind in "hc":
                yield from _conv(
                    f"{name}context_prediction.deconv_{kind}{number}.{level}.conv", outputs, outputs
                )
    for level in range(LEVELS):
        for band in ("lh", "hl", "hh"):
            yield from _band(f"{name}context_fusion.{level}.{band}", coarser=level < LEVELS - 1)
    yield from _lowpass(f"{name}context_fusion.{LEVELS - 1}.ll")
    for number in range(6):
        yield from _residual(f"{name}dequantModule.resBlocks.{number}", 64)
    yield from _conv(f"{name}dequantModule.conv1", 1, 64)
    yield from _conv(f"{name}dequantModule.conv2", 64, 64)
    yield from _conv(f"{name}dequantModule.conv3", 64, 1)


def _band(name: str, *, coarser: bool) -> Iterator[Entry]:
    yield from _conv(f"{name}.conv1_context", 2 if coarser else 1, 112)
    if coarser:
        yield from _conv(f"{name}.lower_level_subband.1", 1, 1)
    yield from _residual(f"{name}.y_hierarchical_prior_enc.0", 112)
    yield from _residual(f"{name}.y_hierarchical_prior_enc.1", 112)
    yield from _depth(f"{name}.y_hierarchical_prior_out", 112, 2)
    for step in (1, 2, 3):
        yield from _conv(f"{name}.y_spatial_prior_{step}.0", 1, 112)
        yield from _residual(f"{name}.y_spatial_prior_{step}.1", 112)
        yield from _residual(f"{name}.y_spatial_prior_{step}_out.0", 112)
        yield from _residual(f"{name}.y_spatial_prior_{step}_out.1", 112)
        yield from _conv(f"{name}.y_spatial_prior_{step}_out.2", 112, 2, 1)


def _lowpass(name: str) -> Iterator[Entry]:
    yield from _masked(f"{name}.maskedConv1", 1, 128)
    for number in range(2):
        yield from _masked(f"{name}.residualBlocks.{number}.conv1", 128, 128)
        yield from _masked(f"{name}.residualBlocks.{number}.conv2", 128, 128)
    yield from _masked(f"{name}.maskedConv2", 128, 128)
    for number, outputs in enumerate((128, 128, 2)):
        yield from _conv(f"{name}.convs.{number}", 128, outputs, 1)


def _temporal(level: int) -> Iterator[Entry]:
    for name in ("hp_q_scale", "mv_y_q_scale_enc", "mv_y_q_scale_dec"):
        yield f"{name}.{level}", (2, 1, 1, 1)
    yield from _correction(f"temporal_filtering.{level}.P_t")
    yield from _correction(f"temporal_filtering.{level}.U_t")
    yield from _motion_coder(level)
    yield from _motion_prior(level)
    for stage in (1, 2, 3, 4):
        for kind in "hba" if stage < 4 else "hb":
            yield f"mv_bit_est.{level}.f{stage}.{kind}", (1, 64, 1, 1)


def _motion_coder(level: int) -> Iterator[Entry]:
    encoder, decoder = f"mv_encoder.{level}", f"mv_decoder.{level}"
    yield from _down(f"{encoder}.enc_1.0", 2)
    yield from _depth(f"{encoder}.enc_1.1", 64, 64)
    yield from _down(f"{encoder}.enc_2", 64)
    yield from _depth(f"{encoder}.adaptor_0", 64, 64)
    yield from _depth(f"{encoder}.adaptor_1", 128, 64)
    yield from _down(f"{encoder}.enc_3.0", 64)
    yield from _depth(f"{encoder}.enc_3.1", 64, 64)
    yield from _conv(f"{encoder}.enc_3.2", 64, 64)
    for place in (0, 2, 4):
        yield from _depth(f"{decoder}.dec_1.{place}", 64, 64)
    yield from _up(f"{decoder}.dec_1.1")
    yield from _up(f"{decoder}.dec_1.3")
    yield from _up(f"{decoder}.dec_2")
    yield from _depth(f"{decoder}.dec_3.0", 64, 64)
    yield from _conv(f"{decoder}.dec_3.1.0", 64, 8, 1)


def _motion_prior(level: int) -> Iterator[Entry]:
    yield from _depth(f"mv_hyper_prior_encoder.{level}.0", 64, 64, two_slopes=True)
    yield from _conv(f"mv_hyper_prior_encoder.{level}.1", 64, 64)
    yield from _conv(f"mv_hyper_prior_encoder.{level}.3", 64, 64)
    yield from _up(f"mv_hyper_prior_decoder.{level}.0")
    yield from _up(f"mv_hyper_prior_decoder.{level}.1")
    yield from _depth(f"mv_hyper_prior_decoder.{level}.2", 64, 64, two_slopes=True)
    yield from _depth(f"mv_y_prior_fusion_adaptor_0.{level}", 64, 128)
    yield from _depth(f"mv_y_prior_fusion_adaptor_1.{level}", 128, 128)
    yield from _depth(f"mv_y_prior_fusion.{level}.0", 128, 192)
    yield from _depth(f"mv_y_prior_fusion.{level}.1", 192, 192)
    yield from _depth(f"mv_y_spatial_prior.{level}.0", 192, 192)
    yield from _depth(f"mv_y_spatial_prior.{level}.1", 192, 192)
    yield from _depth(f"mv_y_spatial_prior.{level}.2", 192, 128)
    for step in (1, 2, 3):
        yield from _conv(f"mv_y_spatial_prior_adaptor_{step}.{level}", 256, 192, 1)
