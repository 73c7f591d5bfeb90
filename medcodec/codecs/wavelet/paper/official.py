"""Official checkpoints of pMCTF-L: their names for our parameters, and loading with all of them checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medcodec.codecs.wavelet.paper.lifting import LEVELS
from medcodec.codecs.wavelet.paper.model import PaperWavelet
from medcodec.errors import FormatError, ModelMissingError

_MOST_NAMED = 5
_MOST_LEVELS = 16
_WRAPPERS = ("state_dict", "net")

# How a name begins, ours and the official: {i} is the same number in both, {k} counts from one there.
_BEGINNINGS = (
    ("flow.levels.{i}.convs.{k}.", "optic_flow.moduleBasic.{i}.conv{k}."),
    ("levels.{i}.predict.", "temporal_filtering.{i}.P_t."),
    ("levels.{i}.update.", "temporal_filtering.{i}.U_t."),
    ("levels.{i}.layer_scale", "hp_q_scale.{i}"),
    ("levels.{i}.motion.encoder_scale", "mv_y_q_scale_enc.{i}"),
    ("levels.{i}.motion.decoder_scale", "mv_y_q_scale_dec.{i}"),
    ("levels.{i}.motion.encoder.to_half.", "mv_encoder.{i}.enc_1."),
    ("levels.{i}.motion.encoder.to_quarter.", "mv_encoder.{i}.enc_2."),
    ("levels.{i}.motion.encoder.alone.", "mv_encoder.{i}.adaptor_0."),
    ("levels.{i}.motion.encoder.joined.", "mv_encoder.{i}.adaptor_1."),
    ("levels.{i}.motion.encoder.latent.", "mv_encoder.{i}.enc_3."),
    ("levels.{i}.motion.decoder.feature.", "mv_decoder.{i}.dec_1."),
    ("levels.{i}.motion.decoder.to_half.", "mv_decoder.{i}.dec_2."),
    ("levels.{i}.motion.decoder.flow.", "mv_decoder.{i}.dec_3."),
    ("levels.{i}.motion.hyper_encoder.", "mv_hyper_prior_encoder.{i}."),
    ("levels.{i}.motion.hyper_decoder.", "mv_hyper_prior_decoder.{i}."),
    ("levels.{i}.motion.hyper_density.stages.{k}.slope", "mv_bit_est.{i}.f{k}.h"),
    ("levels.{i}.motion.hyper_density.stages.{k}.offset", "mv_bit_est.{i}.f{k}.b"),
    ("levels.{i}.motion.hyper_density.stages.{k}.bend", "mv_bit_est.{i}.f{k}.a"),
    ("levels.{i}.motion.prior.alone.", "mv_y_prior_fusion_adaptor_0.{i}."),
    ("levels.{i}.motion.prior.joined.", "mv_y_prior_fusion_adaptor_1.{i}."),
    ("levels.{i}.motion.prior.fuse.", "mv_y_prior_fusion.{i}."),
    ("levels.{i}.motion.prior.adapt.{k}.", "mv_y_spatial_prior_adaptor_{k}.{i}."),
    ("levels.{i}.motion.prior.spatial.", "mv_y_spatial_prior.{i}."),
)
_CODERS = {"low.": "lp_coder.", "high.": "hp_coder."}
_CODER_BEGINNINGS = (
    ("lifting.predict{i}.kernel.", "wavelet_transform.lift_h.conv_P{i}."),
    ("lifting.predict{i}.correction.", "wavelet_transform.lift_h.P_{i}."),
    ("lifting.update{i}.kernel.", "wavelet_transform.lift_h.conv_U{i}."),
    ("lifting.update{i}.correction.", "wavelet_transform.lift_h.U_{i}."),
    ("memory.cells.{k}.enter.", "context_prediction.LSTM{k}.conv_in."),
    ("memory.cells.{k}.recur.", "context_prediction.LSTM{k}.conv_hidden."),
    ("memory.enlarge.{i}.{k}.hidden.", "context_prediction.deconv_h{k}.{i}.conv."),
    ("memory.enlarge.{i}.{k}.cell.", "context_prediction.deconv_c{k}.{i}.conv."),
    ("lowpass.enter.", f"context_fusion.{LEVELS - 1}.ll.maskedConv1."),
    ("lowpass.residuals.", f"context_fusion.{LEVELS - 1}.ll.residualBlocks."),
    ("lowpass.leave.", f"context_fusion.{LEVELS - 1}.ll.maskedConv2."),
    ("lowpass.heads.", f"context_fusion.{LEVELS - 1}.ll.convs."),
    ("details.{i}.{band}.context.", "context_fusion.{i}.{band}.conv1_context."),
    ("details.{i}.{band}.coarser.", "context_fusion.{i}.{band}.lower_level_subband.1."),
    ("details.{i}.{band}.features.", "context_fusion.{i}.{band}.y_hierarchical_prior_enc."),
    ("details.{i}.{band}.first.", "context_fusion.{i}.{band}.y_hierarchical_prior_out."),
    ("details.{i}.{band}.seen.{k}.", "context_fusion.{i}.{band}.y_spatial_prior_{k}."),
    ("details.{i}.{band}.heads.{k}.", "context_fusion.{i}.{band}.y_spatial_prior_{k}_out."),
    ("post_filter.enter.", "dequantModule.conv1."),
    ("post_filter.residuals.", "dequantModule.resBlocks."),
    ("post_filter.merge.", "dequantModule.conv2."),
    ("post_filter.leave.", "dequantModule.conv3."),
    ("lowpass_scale", "QP_ll"),
    ("detail_scale", "QP"),
)
# Parts of shared blocks.
_INNER = (
    ("0.expand.", "block.0.conv1.0."),
    ("0.depth.", "block.0.depth_conv."),
    ("0.project.", "block.0.conv2."),
    ("0.adaptor.", "block.0.adaptor."),
    ("1.widen.", "block.1.conv.0."),
    ("1.narrow.", "block.1.conv.2."),
    ("1.split.", "block.1.conv."),
    ("1.join.", "block.1.conv_out."),
    ("shrink.", "downsample."),
    ("enlarge.0.", "subpel_conv.0."),
    ("grow.0.", "upsample.0."),
)


def official_names(model: PaperWavelet) -> dict[str, str]:
    """Return the official name of each entry of a model's state, by our name."""
    return {name: _official_name(name) for name in model.state_dict()}


def load_official(path: str | Path, *, lossless: bool = False) -> PaperWavelet:
    """Load a checkpoint of the published training code.

    Parameters
    ----------
    path
        A file of torch (``.pth.tar``): the state itself, or a dictionary with it under ``state_dict`` or
        ``net``. It is read as data only; nothing in it is run.
    lossless
        Whether the checkpoint is of the reversible form; the file does not say.

    Returns
    -------
    PaperWavelet
        On the CPU, in evaluation mode, with as many temporal levels as the checkpoint has.

    Raises
    ------
    ModelMissingError
        If there is no such file.
    FormatError
        If it is not such a checkpoint; the text names the first entries that differ.
    """
    path = Path(path)
    state = _read_state(path)
    levels = _count_levels(state)
    if not 1 <= levels <= _MOST_LEVELS:
        msg = f"{path}: no checkpoint of pMCTF-L: {levels} motion encoders (mv_encoder.0 and on)"
        raise FormatError(msg)
    # Without memory, so that names and shapes are checked before any is taken.
    with torch.device("meta"):
        model = PaperWavelet(levels=levels, lossless=lossless)
    names = official_names(model)
    wanted = {names[name]: values for name, values in model.state_dict().items()}
    if problems := list(_problems(state, wanted)):
        more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        msg = f"{path}: no checkpoint of pMCTF-L: {'; '.join(problems[:_MOST_NAMED])}{more}"
        raise FormatError(msg)
    model.load_state_dict({name: state[names[name]].float() for name in names}, assign=True)
    model.requires_grad_(requires_grad=True).eval()
    return model


def _official_name(name: str) -> str:
    for ours, official in _CODERS.items():
        if name.startswith(ours):
            return official + _translated(name.removeprefix(ours), _CODER_BEGINNINGS)
    return _translated(name, _BEGINNINGS)


def _translated(name: str, beginnings: tuple[tuple[str, str], ...]) -> str:
    for ours, official in beginnings:
        pattern = re.escape(ours).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{k\}", r"(?P<k>\d+)")
        found = re.match(pattern.replace(r"\{band\}", r"(?P<band>\w+)"), name)
        if found:
            places: dict[str, Any] = found.groupdict()
            if "k" in places:
                places["k"] = int(places["k"]) + 1
            return official.format(**places) + _inner(name[found.end() :])
    return name


def _inner(rest: str) -> str:
    for ours, official in _INNER:
        start = rest.find(ours)
        if start >= 0:
            return rest[:start] + official + rest[start + len(ours) :]
    return rest


def _read_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        msg = (
            f"{path}: there is no such file; get the checkpoint from the authors of pMCTF-L and give its path"
        )
        raise ModelMissingError(msg)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        msg = f"{path}: not a checkpoint of torch that holds data only ({error})"
        raise FormatError(msg) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        msg = f"{path}: holds no state of a model, but {type(content).__name__}"
        raise FormatError(msg)
    return {str(name).removeprefix("module."): values for name, values in content.items()}


def _count_levels(state: Mapping[str, Tensor]) -> int:
    found = (re.match(r"mv_encoder\.(\d{1,6})\.", name) for name in state)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _problems(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield what differs; the transform of columns is that of rows, and stands in the file twice."""
    columns = {name.replace(".lift_h.", ".lift_v."): name for name in wanted if ".lift_h." in name}
    for name, rows in [*((name, name) for name in wanted), *columns.items()]:
        if name not in state:
            yield f"{name} is missing"
        elif not isinstance(state[name], Tensor) or state[name].shape != wanted[rows].shape:
            shape = tuple(getattr(state[name], "shape", ()))
            yield f"{name} has shape {shape}, not {tuple(wanted[rows].shape)}"
        elif name != rows and not torch.equal(state[name], state[rows]):
            yield f"{name} differs from {rows}, which it shares"
    for name in state:
        if name not in wanted and name not in columns:
            yield f"{name} is unknown"
