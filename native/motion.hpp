// Motion fields: vectors on a grid of nodes, interpolated bilinearly to every pixel. Integers only, so that every
// machine warps and estimates alike.
#pragma once
#include <cstddef>
#include <cstdint>

namespace medcodec {

// Vectors (y, x) in 1/8 pixel at nodes every 2^spacing_log2 pixels, from pixel (0, 0) to the last pixel or beyond it.
struct MotionGrid {
    int spacing_log2, rows, columns;
    const int16_t* vectors;
};

constexpr int kMotionMinSpacingLog2 = 2, kMotionMaxSpacingLog2 = 5;
constexpr int kMotionMaxVector = 2048;
// Scales of a field are in 1/256; a field is never stretched.
constexpr int kMotionUnitScale = 256;
// Taps reach 3 pixels back and 4 ahead. A position beyond the frame is moved to 5 pixels from its edge, where all taps
// read the edge's value: what lies further out reads the same.
constexpr int kMotionReach = 5, kMotionPadding = 9;

inline int motion_nodes(int length, int spacing_log2) {
    return ((length - 1 + (1 << spacing_log2) - 1) >> spacing_log2) + 1;
}

// A frame with kMotionPadding repeated pixels on each side; `origin` is its pixel (0, 0).
struct MotionSource {
    const int32_t* origin;
    ptrdiff_t stride;
    int height, width;
};

// Reads `source` at (y, x) + scale / 256 * v(y, x) for all pixels; results are clipped to low..high.
using MotionWarp = void (*)(const MotionSource& source, const MotionGrid& grid, int scale, int low, int high,
                            int32_t* out, ptrdiff_t out_stride);

void motion_warp_baseline(const MotionSource&, const MotionGrid&, int, int, int, int32_t*, ptrdiff_t);
#ifdef MEDCODEC_X86
void motion_warp_avx2(const MotionSource&, const MotionGrid&, int, int, int, int32_t*, ptrdiff_t);
#endif

// "auto", "baseline" or "avx2"; null if this processor or build does not have it.
MotionWarp motion_warp_path(const char* name);

}  // namespace medcodec
