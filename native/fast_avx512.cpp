#ifdef MEDCODEC_X86
#include "fast_kernel.inl"

const medcodec::FastKernel medcodec::kFastAvx512 = {encode_group, decode_group};
#endif
