// What the encoder chooses for a group and writes into the header of its stream.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "labels.hpp"

namespace labels {

constexpr size_t kHeaderBytes = 3;
constexpr size_t kIslandHeaderBytes = 4;
constexpr int kSmallestTable = 10;
constexpr int kLargestTable = 17;

// Labels are names or an order; islands are grey levels scattered over a background of one level.
enum class Kind { stored, labels, islands };

struct Settings {
    Kind kind = Kind::stored;       // stored: no model, levels are packed as they are
    int levels = 1;                 // 1..256
    int table_bits = kSmallestTable;  // logarithm of the slots of each table of counters
    int candidates = 0;             // labels, 0..3: likely ones that are asked for before the value is spelled out
    bool ordinal = false;           // labels are an order: predict them, spell out by steps; else bit by bit
    int background = 0;             // islands
    size_t header_bytes() const { return kind == Kind::islands ? kIslandHeaderBytes : kHeaderBytes; }
};

int log2_floor(size_t v);
int level_bits(int levels);

std::vector<uint8_t> write_header(const Settings& settings);

// Throws StreamError if the header is not valid for the shape.
Settings read_header(const uint8_t* data, size_t size, const Shape& shape);

// Tables are never larger than the group warrants.
int largest_table(size_t voxels);

// A piece from the middle of the group, of about so many voxels, on which settings are tried.
struct Sample {
    Shape shape;
    std::vector<uint8_t> levels;
};
Sample take_sample(const uint8_t* levels, const Shape& shape, size_t voxels);

// The most frequent level.
int most_frequent(const uint8_t* levels, size_t voxels);

// Tables that fit the number of voxels which differ from a neighbour.
int fitting_table(const uint8_t* levels, const Shape& shape);

std::vector<uint8_t> pack(const uint8_t* levels, size_t voxels, int bits);
void unpack(const uint8_t* data, size_t size, size_t voxels, const Settings& settings, uint8_t* levels);

}  // namespace labels
