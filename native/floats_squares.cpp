// The choice of the instruction set for the float coder.
#include "floats_squares.hpp"

#include <cstring>

namespace floats {

const SquaresKernels* squares_kernels(const char* path) {
    const bool any = std::strcmp(path, "auto") == 0;
#ifdef MEDCODEC_X86
    if ((any || std::strcmp(path, "avx2") == 0) && __builtin_cpu_supports("avx2")) return &squares_avx2;
#endif
    return any || std::strcmp(path, "baseline") == 0 ? &squares_baseline : nullptr;
}

}  // namespace floats
