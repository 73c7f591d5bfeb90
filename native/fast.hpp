// The coder behind the effort `fast`: least-squares predictors solved per tile from what both sides have seen,
// blended by their recent errors, and a mixture of adaptive histograms.
#pragma once
#include <cstddef>
#include <cstdint>

#include "byte_buffer.hpp"

namespace medcodec {

struct FastGroup {
    int sequences, frames, height, width;
    int max_level;    // levels are 0 .. max_level
    int level_bytes;  // 1, 2 or 4: size of the unsigned levels in memory
    int max_error = 0;             // of decoded levels
    bool keeps_background = false;  // with an error: solid areas of zeros stay zeros
    // For the encoder: the level of each number of 1 or 2 bytes that is in memory; null where those are levels.
    const uint16_t* level_of = nullptr;
    bool in_parts = true;  // for the decoder: streams of version 1 are one part
};

constexpr int kFastMaxLevel = (1 << 20) - 1;

// One pair of functions per instruction set; all give the same bytes.
struct FastKernel {
    // With `max_error` the levels become what they are decoded to; else they are only read.
    void (*encode)(const FastGroup&, void* levels, ByteBuffer& out);
    // False: the stream is not a valid one (the levels are then unspecified, but all were written).
    bool (*decode)(const FastGroup&, const uint8_t* data, size_t size, void* levels);
};

extern const FastKernel kFastBaseline;
#ifdef MEDCODEC_X86
extern const FastKernel kFastAvx2;
extern const FastKernel kFastAvx512;
#endif

// "auto", "baseline", "avx2" or "avx512"; null if this processor or build does not have it.
const FastKernel* fast_kernel(const char* name);

}  // namespace medcodec
