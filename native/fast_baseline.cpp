#include "fast_kernel.inl"

const medcodec::FastKernel medcodec::kFastBaseline = {encode_group, decode_group};
