#ifdef MEDCODEC_X86
#include "adaptive_kernel.inl"

const medcodec::AdaptiveKernel medcodec::kAdaptiveAvx512 = {encode_group, decode_group};
#endif
