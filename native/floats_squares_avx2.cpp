#ifdef MEDCODEC_X86
#include "floats_squares.inl"

const floats::SquaresKernels floats::squares_avx2 = kKernels;
#endif
