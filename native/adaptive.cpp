// Presets of the adaptive coder, and the choice of the instruction set.
#include "adaptive.hpp"

#include <cstring>
#include <initializer_list>

namespace medcodec {

namespace {

// Index: the preset's number in the stream.
constexpr AdaptivePreset kPresets[] = {
    {2, 16, 2, 0.85f, 0, true, false},
    {3, 8, 1, 0.8f, 0.97f, true, false},
    {2, 16, 2, 0.85f, 0, true, true},
    {3, 8, 1, 0.8f, 0.97f, true, true},
};

const AdaptiveKernel* kernel_by_name(const char* name) {
    if (std::strcmp(name, "baseline") == 0) return &kAdaptiveBaseline;
#ifdef MEDCODEC_X86
    if (std::strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2")) return &kAdaptiveAvx2;
    if (std::strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return &kAdaptiveAvx512;
#endif
    return nullptr;
}

}  // namespace

const AdaptivePreset* adaptive_preset(int number) {
    const int count = sizeof kPresets / sizeof *kPresets;
    return number >= 0 && number < count ? kPresets + number : nullptr;
}

const AdaptiveKernel* adaptive_kernel(const char* name) {
    if (std::strcmp(name, "auto") != 0) return kernel_by_name(name);
    for (const char* best : {"avx512", "avx2"})
        if (const AdaptiveKernel* kernel = kernel_by_name(best)) return kernel;
    return &kAdaptiveBaseline;
}

}  // namespace medcodec
