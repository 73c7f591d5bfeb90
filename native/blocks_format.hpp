// Constants and small types that the encoder and the decoder of the block codec share.
// The bit stream is described in docs/format-blocks.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace medcodec::blocks {

constexpr int kVersion = 1;
constexpr int kBlock = 16;       // blocks are kBlock x kBlock voxels of one frame
constexpr int kWeightBits = 12;  // a weight of 1.0 is 1 << kWeightBits
constexpr int kTaps = 16;        // neighbours of a linear predictor, see enum Tap
constexpr int kTapPairs = kTaps / 2;
constexpr int kIntraPairs = 3;     // pairs that lie in the current frame
constexpr int kSerialTaps = 2;     // kW and kWW: the only taps in the row being decoded
constexpr int kMaxPredictors = 8;  // linear predictors per frame class; MED comes on top
constexpr int kFrameClasses = 4;
constexpr std::int64_t kMaxWeightSum = 65000;  // of absolute weights: keeps 16-bit sums inside int32
constexpr int kLevels = 33;                    // half-octave levels of local activity
constexpr int kContextClasses = 4;             // (column parity) + 2 * (frame has a reference)
constexpr int kMaxContexts = 32;
constexpr int kMagnitudeMax = 4095;  // residual magnitudes are clipped here in contexts
constexpr int kDirectTokens = 16;    // zigzag values below this are their own token
constexpr int kMaxTokens = 128;
constexpr int kTableBits = 12;
constexpr int kTableSize = 1 << kTableBits;
constexpr std::uint32_t kStateLow = 1u << 15;
constexpr int kMaxLanes = 16;  // of groups of kManyVoxels or more
constexpr int kFewLanes = 4;
constexpr std::int64_t kManyVoxels = 1 << 14;
constexpr std::ptrdiff_t kPadLeft = 4;    // voxels of slack before each row: neighbours
constexpr std::ptrdiff_t kPadRight = 28;  // and after it: neighbours and whole vectors

enum Mode : std::uint8_t { kStored = 0, kConstant = 1, kCoded = 2, kRows = 3 };
enum Flag : std::uint8_t { kWide = 1, kMapped = 2, kManyLanes = 4 };

// Neighbours by compass direction: P the reference frame, Q the second reference.
enum Tap { kW, kWW, kN, kNW, kNE, kNN, kP, kPW, kPE, kPN, kPS, kPNW, kPNE, kPSW, kPSE, kQ };

// Which references a frame has: none, the frame before, the sequence before, both.
enum FrameClass { kIntra = 0, kTemporal = 1, kSpatial = 2, kBoth = 3 };

struct Shape {
    std::int64_t sequences, frames, height, width;
    std::int64_t voxels() const { return sequences * frames * height * width; }
};

struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline int frame_class(std::int64_t sequence, std::int64_t frame) {
    return (frame > 0 ? kTemporal : 0) + (sequence > 0 ? kSpatial : 0);
}

// Frames too narrow for rows of vectors are laid out anew; a pure function of the shape.
inline Shape canonical(Shape s) {
    if (s.width < kBlock) s = {1, s.sequences, s.frames, s.height * s.width};
    if (s.width < kBlock) s = {1, 1, s.frames, s.height * s.width};
    if (s.width < kBlock) s = {1, 1, 1, s.height * s.width};
    return s;
}

constexpr int raw_bits(int token) {
    return token < kDirectTokens ? 0 : (token >> 2) - 2;
}

constexpr std::uint32_t token_base(int token) {
    return token < kDirectTokens ? static_cast<std::uint32_t>(token)
                                 : static_cast<std::uint32_t>(4 + (token & 3)) << raw_bits(token);
}

// raw_bits and token_base of every token.
struct TokenValues {
    std::uint8_t bits[kMaxTokens];
    std::uint32_t base[kMaxTokens];
};

constexpr TokenValues make_token_values() {
    TokenValues values{};
    for (int t = 0; t < kMaxTokens; ++t) {
        values.bits[t] = static_cast<std::uint8_t>(raw_bits(t));
        values.base[t] = token_base(t);
    }
    return values;
}

inline constexpr TokenValues kTokenValues = make_token_values();

}  // namespace medcodec::blocks
