#include "adaptive_kernel.inl"

const medcodec::AdaptiveKernel medcodec::kAdaptiveBaseline = {encode_group, decode_group};
