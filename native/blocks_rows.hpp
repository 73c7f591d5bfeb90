// Boxes of at most 32 x 32 x 32 voxels coded for quick reading: mode 3 of the block stream, in which a row of 32
// columns is decoded at once. See docs/format-blocks.md, section 8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "blocks_bytes.hpp"
#include "blocks_kernels.hpp"
#include "blocks_values.hpp"

namespace medcodec::blocks::rows {

constexpr int kSide = 32;             // most frames, rows and columns; rows have so many lanes
constexpr int kHalf = kSide / 2;      // columns of one parity
constexpr std::int64_t kLeastVoxels = 1 << 13;  // below, the lanes' states weigh too much
constexpr std::uint32_t kMaxSpan = (1 << 15) - 1;
constexpr int kTaps = 15;
constexpr int kOwnTaps = 6;           // the last ones lie in the voxel's own frame
constexpr int kWeightUnit = 64;       // a weight of 1.0
constexpr int kTableBits = 10;
constexpr int kTableSize = 1 << kTableBits;
constexpr int kLevels = 4;            // of activity
constexpr int kContexts = 2 * kLevels;  // column parity * kLevels + level
constexpr int kTokens = 256;
constexpr int kEscape = kTokens - 1;  // its residual is listed apart
constexpr int kMaxRawBits = 8;
constexpr int kMaxActivityShift = 7;
constexpr int kMaxActivity = 25;      // of a token: sums of ten fit 8 bits

struct Size {
    int sequences, frames, height, width;
    std::size_t rows() const { return static_cast<std::size_t>(sequences) * static_cast<std::size_t>(frames * height); }
};

inline Size size_of(const Shape& s) {
    return {static_cast<int>(s.sequences), static_cast<int>(s.frames), static_cast<int>(s.height),
            static_cast<int>(s.width)};
}

struct Settings {
    int raw_bits = 0;        // low bits of each residual that are sent as they are
    int activity_shift = 0;
    std::uint8_t thresholds[2][kLevels - 1] = {};  // by parity; a level counts those that are reached
    std::int8_t weights[2][2][kTaps] = {};         // frame has a reference, parity
};

// Frequencies of the tokens of each context; they add up to kTableSize.
struct Frequencies {
    std::uint16_t of[kContexts][kTokens] = {};
    int highest[kContexts] = {};
};

void write_side(const Settings&, const Frequencies&, bool references, BitWriter&);
void read_side(ByteReader&, bool references, Settings&, Frequencies&);
// The frequencies nearest to `counts` that can be sent.
void set_frequencies(const std::uint32_t* counts, int context, Frequencies&);

// What a kernel needs; all lengths have been checked but that of the words.
struct Task {
    Size size;
    const Settings* settings;
    const Frequencies* frequencies;
    std::uint32_t base, span;
    const std::uint8_t* raw;      // of all rows; 32 bytes past the end may be read
    const std::uint8_t* escapes;  // 16 bits each
    std::size_t escape_count;
    const std::uint8_t* states;   // kSide of 32 bits
    const std::uint8_t* words;
    const std::uint8_t* words_end;
    void* out;      // rows of kSide voxels: base is added
    int out_bytes;  // 1 or 2 per voxel
};

// Bytes of raw bits of a row.
inline std::size_t raw_row_bytes(int width, int raw_bits) {
    const int even = (width + 1) / 2, odd = width / 2;
    return static_cast<std::size_t>((even * raw_bits + 7) / 8 + (odd * raw_bits + 7) / 8);
}

// Whether a group can be coded so.
bool fits(const Shape&, std::int64_t span);

// Return false if the stream is damaged.
bool decode_scalar(const Task&);
bool decode_avx2(const Task&);
bool decode_avx512(const Task&);
bool has_avx512();

using Kernel = bool (*)(const Task&);
// Throws Error if the path is not available here.
Kernel kernel(Path path);

// What follows the header and the value map; `stored` are voxels less the smallest one, or ranks.
std::vector<std::uint8_t> encode(const std::uint16_t* stored, const Shape&, std::uint32_t span);

// Decodes what follows the header and the value map.
template <class Value>
void decode(ByteReader&, const Shape&, const Header&, const ValueMap&, Path, Value* voxels);

}  // namespace medcodec::blocks::rows
