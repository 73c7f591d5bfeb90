#include "labels_settings.hpp"

#include <algorithm>
#include <array>

#include "labels_coder.hpp"

namespace labels {
namespace {

constexpr uint8_t kLabels = 1;
constexpr uint8_t kIslands = 2;
constexpr uint8_t kStored = 255;

}  // namespace

int log2_floor(size_t v) {
    int bits = 0;
    while (v > 1) {
        v >>= 1;
        ++bits;
    }
    return bits;
}

int level_bits(int levels) { return levels == 1 ? 0 : log2_floor(levels - 1) + 1; }

int largest_table(size_t voxels) { return std::clamp(log2_floor(voxels) + 1, kSmallestTable, kLargestTable); }

// Bits 0-1 of the mode byte: candidates; bit 2: ordinal; bits 3-7: size of the tables.
std::vector<uint8_t> write_header(const Settings& s) {
    const uint8_t top = static_cast<uint8_t>(s.levels - 1), table = static_cast<uint8_t>(s.table_bits - kSmallestTable);
    if (s.kind == Kind::islands) return {kIslands, top, table, static_cast<uint8_t>(s.background)};
    const int mode = s.candidates | s.ordinal << 2 | table << 3;
    return {kLabels, top, s.kind == Kind::stored ? kStored : static_cast<uint8_t>(mode)};
}

Settings read_header(const uint8_t* data, size_t size, const Shape& shape) {
    if (size < kHeaderBytes || (data[0] == kIslands && size < kIslandHeaderBytes))
        throw StreamError("label stream: the data are shorter than their header");
    Settings s;
    s.levels = data[1] + 1;
    if (data[0] == kLabels) {
        if (data[2] == kStored) return s;
        s.kind = Kind::labels;
        s.candidates = data[2] & 3;
        s.ordinal = (data[2] & 4) != 0;
        s.table_bits = kSmallestTable + (data[2] >> 3);
    } else if (data[0] == kIslands) {
        s.kind = Kind::islands;
        s.table_bits = kSmallestTable + data[2];
        s.background = data[3];
        if (s.levels < 2 || s.background >= s.levels)
            throw StreamError("label stream: the background is not one of the levels");
    } else {
        throw StreamError("label stream: unknown version");
    }
    if (s.table_bits > largest_table(shape.voxels())) throw StreamError("label stream: unknown mode");
    return s;
}

Sample take_sample(const uint8_t* levels, const Shape& shape, size_t voxels) {
    Sample sample;
    Shape& part = sample.shape;
    part.frames = std::min<size_t>(shape.frames, 3);
    part.sequences = shape.frames < 3 ? std::min<size_t>(shape.sequences, 2) : 1;
    const size_t rows = std::max<size_t>(voxels / (part.sequences * part.frames * shape.width), 16);
    part.height = std::min(shape.height, rows);
    part.width = shape.width;
    const size_t s0 = (shape.sequences - part.sequences) / 2, n0 = (shape.frames - part.frames) / 2;
    const size_t y0 = (shape.height - part.height) / 2;
    for (size_t s = 0; s < part.sequences; ++s)
        for (size_t n = 0; n < part.frames; ++n) {
            const size_t frame = (s0 + s) * shape.frames + n0 + n;
            const uint8_t* first = levels + (frame * shape.height + y0) * shape.width;
            sample.levels.insert(sample.levels.end(), first, first + part.height * part.width);
        }
    return sample;
}

int most_frequent(const uint8_t* levels, size_t voxels) {
    std::array<size_t, 256> number{};
    for (size_t i = 0; i < voxels; ++i) ++number[levels[i]];
    return static_cast<int>(std::max_element(number.begin(), number.end()) - number.begin());
}

int fitting_table(const uint8_t* levels, const Shape& shape) {
    const size_t voxels = shape.voxels();
    size_t active = 0;
    for (size_t i = shape.width; i < voxels; ++i)
        active += levels[i] != levels[i - 1] || levels[i] != levels[i - shape.width];
    return std::clamp(log2_floor(active + 1), kSmallestTable, largest_table(voxels));
}

std::vector<uint8_t> pack(const uint8_t* levels, size_t voxels, int bits) {
    std::vector<uint8_t> out((voxels * bits + 7) / 8);
    for (size_t i = 0; i < voxels; ++i)
        for (int bit = 0; bit < bits; ++bit) {
            const size_t at = i * bits + bit;
            out[at / 8] |= static_cast<uint8_t>(((levels[i] >> bit) & 1) << (at % 8));
        }
    return out;
}

void unpack(const uint8_t* data, size_t size, size_t voxels, const Settings& settings, uint8_t* levels) {
    const int bits = level_bits(settings.levels);
    if (size != (voxels * bits + 7) / 8) throw StreamError("label stream: wrong number of stored bytes");
    for (size_t i = 0; i < voxels; ++i) {
        int value = 0;
        for (int bit = 0; bit < bits; ++bit) {
            const size_t at = i * bits + bit;
            value |= ((data[at / 8] >> (at % 8)) & 1) << bit;
        }
        if (value >= settings.levels) throw StreamError("label stream: a stored level is out of range");
        levels[i] = static_cast<uint8_t>(value);
    }
}

}  // namespace labels
