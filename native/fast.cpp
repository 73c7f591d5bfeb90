// The choice of the instruction set for the fast coder.
#include "fast.hpp"

#include <cstring>
#include <initializer_list>

namespace medcodec {

namespace {

const FastKernel* kernel_by_name(const char* name) {
    if (std::strcmp(name, "baseline") == 0) return &kFastBaseline;
#ifdef MEDCODEC_X86
    if (std::strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) return &kFastAvx2;
    if (std::strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return &kFastAvx512;
#endif
    return nullptr;
}

}  // namespace

const FastKernel* fast_kernel(const char* name) {
    if (std::strcmp(name, "auto") != 0) return kernel_by_name(name);
    for (const char* best : {"avx512", "avx2"})
        if (const FastKernel* kernel = kernel_by_name(best)) return kernel;
    return &kFastBaseline;
}

}  // namespace medcodec
