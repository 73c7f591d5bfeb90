// Motion of blocks: squares of 64 pixels, split into quarters down to a unit, each with vectors of its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "byte_buffer.hpp"

namespace medcodec {

constexpr int kRootLog2 = 6;                           // pixels along the largest blocks
constexpr int kLeastUnitLog2 = 3, kLargestUnitLog2 = 4;
constexpr int kBlockSizes = kRootLog2 - kLeastUnitLog2 + 1;
constexpr int kBlockMaxVector = 512;                   // in 1/2 pixel

// What predicts a block.
enum BlockKind : int16_t { kStill, kPrevious, kNext, kBoth };
// Whether a kind has a vector into a reference, 0 the previous frame or 1 the next.
constexpr bool has_vector(int kind, int reference) { return kind == kBoth || kind == (reference ? kNext : kPrevious); }

// The block that a unit belongs to: units along its sides (log2), and vectors (y, x) in 1/2 pixel into the previous and
// into the next frame. Vectors that the kind does not use are zero.
struct BlockUnit {
    int16_t log2_units, kind;
    int16_t vectors[2][2];
};
constexpr size_t kUnitFields = 6;
static_assert(sizeof(BlockUnit) == 2 * kUnitFields);

class BlockContexts;  // block_motion_contexts.hpp

struct BlockGrid {
    int unit_log2, rows, columns;

    static BlockGrid of(int height, int width, int unit_log2) {
        const int unit = 1 << unit_log2;
        return {unit_log2, (height + unit - 1) >> unit_log2, (width + unit - 1) >> unit_log2};
    }
    int root() const { return 1 << (kRootLog2 - unit_log2); }
    size_t size() const { return static_cast<size_t>(rows) * columns; }
    size_t at(int row, int column) const { return static_cast<size_t>(row) * columns + column; }
    bool has(int row, int column) const { return row >= 0 && row < rows && column >= 0 && column < columns; }
};

struct FrameView {
    const int32_t* samples;
    int height, width;
};

// Reads height x width samples of 0 to 65535 at (y, x), in 1/2 pixel.
void read_block(const FrameView& frame, int y, int x, int height, int width, int32_t* out);

// Predicts a frame from the previous one, and from the next one unless that is null: both as they are moved, for each
// pixel that of the other where a block uses only one.
void block_motion_compensate(const int32_t* previous, const int32_t* next, int height, int width, const BlockGrid& grid,
                             const BlockUnit* units, int32_t* first, int32_t* second);

// Whether units are blocks that nest as they should, with vectors in bounds.
bool block_motion_valid(const BlockGrid& grid, const BlockUnit* units, bool both);

// Learns on in `contexts`.
void block_motion_encode(const BlockGrid& grid, const BlockUnit* units, bool both, BlockContexts& contexts, ByteBuffer& out);
// Null, or what is wrong with the stream; all units were written then too. Without contexts: a stream of older versions.
const char* block_motion_decode(const uint8_t* data, size_t size, const BlockGrid& grid, bool both, BlockContexts* contexts,
                                BlockUnit* units);

struct BlockRequest {
    const int32_t *target, *previous, *next;  // `next` may be null
    int height, width, unit_log2;
    int reach;        // whole pixels that vectors reach
    int64_t penalty;  // squared sample differences that a bit must save, in 1/256
};
std::vector<BlockUnit> block_motion_estimate(const BlockRequest& request);

// What a component of a vector may be: that of up to three neighbours.
struct Candidates {
    int values[3], count;

    // The median of three; else the first, or 0.
    int expected() const;
    // The sum of what they are above that.
    int above_expected() const;
    // The largest less the smallest; 0 without any.
    int spread() const;
};

// The vectors known so far while blocks are coded in order, by which the next ones are predicted.
class KnownVectors {
  public:
    explicit KnownVectors(const BlockGrid& grid) : grid_(grid), vectors_(4 * grid.size()), known_(grid.size()) {}

    // One component of the vector into a reference: of the units at the left, above, and above to the right.
    Candidates candidates(int row, int column, int units, int reference, int component) const;
    int predict(int row, int column, int units, int reference, int component) const {
        return candidates(row, column, units, reference, component).expected();
    }
    void set(int row, int column, int units, const int16_t (&vectors)[2][2]);
    bool known(int row, int column) const { return grid_.has(row, column) && known_[grid_.at(row, column)]; }

  private:
    BlockGrid grid_;
    std::vector<int16_t> vectors_;
    std::vector<uint8_t> known_;
};

}  // namespace medcodec
