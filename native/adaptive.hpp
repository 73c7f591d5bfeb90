// The adaptive coder: online least squares, online scale and an adaptive distribution, one voxel at a time.
#pragma once
#include <cstddef>
#include <cstdint>

#include "byte_buffer.hpp"

namespace medcodec {

// How hard the coder tries. The number of a preset is written in each stream: never change one that has been
// released, add another.
struct AdaptivePreset {
    int vectors;            // 16-float vectors per feature row: 16 * vectors - 1 taps
    int band;               // columns that share least-squares statistics and one solution
    int solve_rows;         // a band's predictor is solved again every so many rows
    float decay, slow_decay;  // forgetting per row of a band; slow_decay 0: no second, slower predictor
    bool stack;             // correct the blend by a second least-squares stage
    bool keeps_background;  // with a bound on errors, next to voxels of level 0 these stay what they are
};

struct AdaptiveGroup {
    int sequences, frames, height, width;
    int max_level;          // levels are 0 .. max_level
    int max_error;          // 0: lossless
    int level_bytes;        // 1, 2 or 4: size of the unsigned levels in memory
};

constexpr int kMaxLevel = (1 << 20) - 1;

// One pair of functions per instruction set; all give the same bytes.
// `levels` is replaced by what the decoder will see when max_error > 0.
struct AdaptiveKernel {
    void (*encode)(const AdaptiveGroup&, const AdaptivePreset&, void* levels, ByteBuffer& out);
    // False: the stream is not a valid one (the levels are then unspecified but all were written).
    bool (*decode)(const AdaptiveGroup&, const AdaptivePreset&, const uint8_t* data, size_t size, void* levels);
};

extern const AdaptiveKernel kAdaptiveBaseline;
#ifdef MEDCODEC_X86
extern const AdaptiveKernel kAdaptiveAvx2;
extern const AdaptiveKernel kAdaptiveAvx512;
#endif

// Null if there is no such preset.
const AdaptivePreset* adaptive_preset(int number);
// "auto", "baseline", "avx2" or "avx512"; null if this processor or build does not have it.
const AdaptiveKernel* adaptive_kernel(const char* name);

}  // namespace medcodec
