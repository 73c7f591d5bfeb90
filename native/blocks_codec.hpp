// The block codec: groups of frames to bytes and back. The format is in docs/format-blocks.md.
#pragma once
#include <vector>

#include "blocks_bytes.hpp"
#include "blocks_kernels.hpp"

namespace medcodec::blocks {

constexpr std::size_t kNoLimit = 0;

// Encodes voxels in C order. Value is an integer type of 8, 16 or 32 bits, but not uint32_t. Groups
// that may be are coded by rows if asked for. The stream is empty if it would surely take `limit` bytes or more:
// finding that out takes less time and memory than the stream.
template <class Value>
std::vector<std::uint8_t> encode(const Value* voxels, const Shape&, Path, bool by_rows, std::size_t limit = kNoLimit);

// Decodes into voxels; throws Error if the stream is damaged or does not fit the shape or the type.
template <class Value>
void decode(const std::uint8_t* data, std::size_t size, const Shape&, Path, Value* voxels);

// What a coded stream begins with, after version and mode.
struct Header {
    std::uint8_t flags;
    std::int32_t base;    // the smallest value
    std::uint32_t span;   // largest - smallest; with kMapped, number of values - 1
    int magnitude_shift;  // of residual magnitudes, for contexts
};

}  // namespace medcodec::blocks
