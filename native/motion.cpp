// The choice of the instruction set for warping.
#include "motion.hpp"

#include <cstring>

namespace medcodec {

MotionWarp motion_warp_path(const char* name) {
    const bool any = std::strcmp(name, "auto") == 0;
#ifdef MEDCODEC_X86
    if ((any || std::strcmp(name, "avx2") == 0) && __builtin_cpu_supports("avx2")) return &motion_warp_avx2;
#endif
    return any || std::strcmp(name, "baseline") == 0 ? &motion_warp_baseline : nullptr;
}

}  // namespace medcodec
