#include "motion_kernel.inl"

void medcodec::motion_warp_baseline(const MotionSource& source, const MotionGrid& grid, int scale, int low, int high,
                                    int32_t* out, ptrdiff_t out_stride) {
    warp(source, grid, scale, low, high, out, out_stride);
}
