// Lossless coder for label maps, masks and images of few levels, by context mixing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace labels {

struct Shape {
    size_t sequences, frames, height, width;
    size_t voxels() const { return sequences * frames * height * width; }
};

// Levels are ranks 0..n-1 in C order. `quick` leaves out what codes images of many levels slowly.
std::vector<uint8_t> encode(const uint8_t* levels, const Shape& shape, bool quick);

// Fills levels; throws StreamError (labels_coder.hpp) if the data are not a valid stream of that shape.
void decode(const uint8_t* data, size_t size, const Shape& shape, uint8_t* levels);

}  // namespace labels
