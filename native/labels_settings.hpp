// What the encoder chooses for a group and writes into the header of its stream.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "labels.hpp"

namespace labels {

constexpr size_t kHeaderBytes = 3;
constexpr int kSmallestTable = 10;
constexpr int kLargestTable = 17;

struct Settings {
    int levels;      // 1..256
    int candidates;  // 0..3: likely labels that are asked for before the value is spelled out
    bool ordinal;    // levels are an order: predict them, spell out by steps; else bit by bit
    int table_bits;  // logarithm of the slots of each table of counters
    bool stored;     // no model: levels are packed as they are
};

int log2_floor(size_t v);
int level_bits(int levels);

std::vector<uint8_t> write_header(const Settings& settings);

// Throws StreamError if the header is not valid for the shape.
Settings read_header(const uint8_t* data, size_t size, const Shape& shape);

// Tables are never larger than the group warrants.
int largest_table(size_t voxels);

// A piece from the middle of the group, on which settings are tried.
struct Sample {
    Shape shape;
    std::vector<uint8_t> levels;
};
Sample take_sample(const uint8_t* levels, const Shape& shape);

// Tables that fit the number of voxels which differ from a neighbour.
int fitting_table(const uint8_t* levels, const Shape& shape);

std::vector<uint8_t> pack(const uint8_t* levels, size_t voxels, int bits);
void unpack(const uint8_t* data, size_t size, size_t voxels, const Settings& settings, uint8_t* levels);

}  // namespace labels
