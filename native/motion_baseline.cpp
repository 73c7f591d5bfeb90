#include "motion_kernel.inl"

void medcodec::motion_warp_baseline(const MotionSource& source, const MotionGrid& grid, int scale, int low, int high,
                                    int32_t* out) {
    warp(source, grid, scale, low, high, out);
}
