// Inner loops of the block codec on 16-bit voxels, one table of functions per instruction set.
// All tables compute the same integers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "blocks_format.hpp"

namespace medcodec::blocks {

// The rows that hold the neighbours of one row of voxels; each points at the neighbour of column 0.
template <class T>
struct RowTaps {
    const T* tap[kTaps];
};

// One block of a frame, with the predictors to choose among.
template <class T>
struct BlockTask {
    const RowTaps<T>* rows;  // one per row of the block
    int row_count;
    std::ptrdiff_t column;   // of the block's first voxel
    int columns;             // at most kBlock
    const T* const* voxels;  // one per row, pointing at column 0
    const std::int32_t (*weights)[kTaps];
    int predictors;          // linear ones; MED is the one after them
    int pairs;               // of taps in use
    std::int32_t low, high;  // predictions are clamped to these
};

// Residual magnitudes around a row, even and odd columns apart.
struct ActivityRows {
    const std::uint16_t *north_even, *north_odd;    // row above
    const std::uint16_t *north2_even, *north2_odd;  // and the one above it
    const std::uint16_t* even;                      // this row, for the odd columns
    const std::uint16_t *ref_even, *ref_odd;        // same row of the reference, or null
    const std::uint16_t *below_even, *below_odd;    // row below in the reference
};

// Decoding tables: entry = start << 20 | frequency << 7 | token, by context and low bits of the state.
struct TokenTables {
    const std::uint32_t* entries;
    const std::uint8_t* contexts;  // of the kLevels levels
};

// State of the interleaved rANS decoder.
struct Lanes {
    std::uint32_t state[kMaxLanes];
    int count;
    const std::uint8_t* words;  // next 16-bit word
    const std::uint8_t* end;
};

// Raw bits that follow tokens, least significant bit first.
struct RawBits {
    const std::uint8_t* data;
    std::uint64_t at;    // next bit
    std::uint64_t size;  // in bits
    std::uint64_t safe;  // as size, with what follows in memory and may be read in passing
};

constexpr int kWavefront = 8;  // frames whose voxels are rebuilt side by side

// A row of each frame of a wavefront; pointers are to column 0.
struct Wave {
    const std::int32_t* sums[kWavefront];    // of the taps that are known, rounding term included
    const std::int16_t* even[kWavefront];    // residuals, by column
    const std::int16_t* odd[kWavefront];
    const std::int16_t* north[kWavefront];   // row above
    std::int16_t* voxels[kWavefront];        // those on the left are there
    std::int32_t low, high;                  // predictions are clamped to these
    // Of the block that is to be rebuilt:
    std::int32_t weights[kWavefront];  // of W in the lower half, WW in the upper
    std::int32_t median[kWavefront];   // -1 where MED predicts, else 0
    std::int32_t any_median;           // whether there is one
};

struct Kernels {
    const char* name;
    // Writes the residuals of the best predictor to `residuals` and returns its index.
    int (*choose_block)(const BlockTask<std::int16_t>&, std::int16_t* residuals, std::ptrdiff_t stride);
    // Weighted sums, rounding term included, over all taps but W and WW; writes whole vectors.
    void (*tap_sums)(const RowTaps<std::int16_t>&, std::ptrdiff_t column, int columns, const std::int32_t* weights,
                     int pairs, std::int32_t* sums);
    // Upper triangle of the products of `count` features of kBlock * kBlock values each, one after the other.
    void (*covariance)(const std::int16_t* features, int count, std::int32_t* out);
    void (*even_levels)(const ActivityRows&, std::ptrdiff_t columns, std::uint8_t* levels);
    void (*odd_levels)(const ActivityRows&, std::ptrdiff_t columns, std::uint8_t* levels);
    // Zigzag values, tokens and clipped magnitudes of `count` residuals.
    void (*tokenise)(const std::int16_t* residuals, std::ptrdiff_t count, int magnitude_shift, std::uint16_t* zigzag,
                     std::uint8_t* tokens, std::uint16_t* magnitudes);
    // Decodes `count` tokens; the caller has made sure that `count` words are there.
    void (*decode_tokens)(Lanes&, const TokenTables&, const std::uint8_t* levels, std::ptrdiff_t count,
                          std::uint8_t* tokens);
    // Residuals and clipped magnitudes of tokens and their raw bits; the caller has made sure that the longest
    // raw bits of `count` tokens, and 8 bytes more, may be read, and checks that no more were used than there are.
    void (*expand)(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits&,
                   std::int16_t* residuals, std::uint16_t* magnitudes);
    // Rebuilds the block of a wave that begins at `column`; null where one row after the other is as quick.
    void (*rebuild_wave)(const Wave&, std::ptrdiff_t column);
};

const Kernels& scalar_kernels();
const Kernels* sse2_kernels();  // null where the processor or the compiler lacks them
const Kernels* avx2_kernels();

// AVX-512 is only used for rows; the rest is done by AVX2 then.
enum class Path { kAuto = 0, kScalar = 1, kSse2 = 2, kAvx2 = 3, kAvx512 = 4 };

// Throws Error if the path is not available here.
const Kernels& kernels(Path path);

}  // namespace medcodec::blocks
