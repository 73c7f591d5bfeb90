// Compensation: blocks reach half a unit into their neighbours, where the predictions of both fade into each other.
#include "block_motion.hpp"

#include <algorithm>
#include <numeric>

#include "motion_field.hpp"

namespace medcodec {
namespace {

#include "motion_taps.inl"

constexpr int kBefore = 3, kTapCount = 8, kMaxSample = 65535;
constexpr int kLongest = (1 << kRootLog2) + (1 << kLargestUnitLog2);

// An axis of a block: the pixels that it predicts, and its share of each in parts of twice a unit.
struct Span {
    int begin, end;
    int32_t weights[kLongest];

    Span(int first, int units, int unit_log2, int length) {
        const int unit = 1 << unit_log2, from = first << unit_log2, to = (first + units) << unit_log2;
        const bool last = to >= length;
        begin = first == 0 ? 0 : from - unit / 2;
        end = last ? length : std::min(to + unit / 2, length);
        for (int x = begin; x < end; x++) {
            int weight = 2 * unit;
            if (first > 0) weight = std::min(weight, 2 * (x - from) + 1 + unit);
            if (!last) weight = std::min(weight, 2 * (to - x) - 1 + unit);
            weights[x - begin] = weight;
        }
    }
    int length() const { return end - begin; }
};

void add_block(const int32_t* block, const Span& down, const Span& across, int width, int32_t* sums) {
    for (int y = 0; y < down.length(); y++) {
        int32_t* to = sums + static_cast<size_t>(down.begin + y) * width + across.begin;
        const int32_t* from = block + static_cast<size_t>(y) * across.length();
        for (int x = 0; x < across.length(); x++) to[x] += down.weights[y] * across.weights[x] * from[x];
    }
}

}  // namespace

void read_block(const FrameView& frame, int y, int x, int height, int width, int32_t* out) {
    const int32_t* down = kTaps[(y & 1) * 8];
    const int32_t* across = kTaps[(x & 1) * 8];
    const int top = (y >> 1) - kBefore, left = (x >> 1) - kBefore;
    int32_t line[kLongest + kTapCount], filtered[(kLongest + kTapCount) * kLongest];
    for (int row = 0; row < height + kTapCount - 1; row++) {
        const int32_t* from =
            frame.samples + static_cast<size_t>(std::clamp(top + row, 0, frame.height - 1)) * frame.width;
        for (int i = 0; i < width + kTapCount - 1; i++) line[i] = from[std::clamp(left + i, 0, frame.width - 1)];
        int32_t* to = filtered + row * width;
        for (int i = 0; i < width; i++) {
            int32_t sum = 0;
            for (int k = 0; k < kTapCount; k++) sum += across[k] * line[i + k];
            to[i] = sum;
        }
    }
    for (int row = 0; row < height; row++)
        for (int i = 0; i < width; i++) {
            int32_t sum = 2048;
            for (int k = 0; k < kTapCount; k++) sum += down[k] * filtered[(row + k) * width + i];
            out[row * width + i] = std::clamp(sum >> 12, 0, kMaxSample);
        }
}

void block_motion_compensate(const int32_t* previous, const int32_t* next, int height, int width, const BlockGrid& grid,
                             const BlockUnit* units, int32_t* first, int32_t* second) {
    const size_t count = static_cast<size_t>(height) * width;
    const int shift = 2 * (grid.unit_log2 + 1);
    std::fill_n(first, count, 1 << shift >> 1);
    if (next) std::fill_n(second, count, 1 << shift >> 1);
    const FrameView frames[2] = {{previous, height, width}, {next, height, width}};
    int32_t* sums[2] = {first, second};
    std::vector<int32_t> block(static_cast<size_t>(kLongest) * kLongest);
    for (int row = 0; row < grid.rows; row++)
        for (int column = 0; column < grid.columns; column++) {
            const BlockUnit& unit = units[grid.at(row, column)];
            const int side = 1 << unit.log2_units;
            if (row % side || column % side) continue;
            const Span down(row, side, grid.unit_log2, height), across(column, side, grid.unit_log2, width);
            for (int reference = 0; reference < (next ? 2 : 1); reference++) {
                if (unit.kind == (reference ? kPrevious : kNext)) continue;
                const int16_t(&vector)[2] = unit.vectors[reference];
                read_block(frames[reference], 2 * down.begin + vector[0], 2 * across.begin + vector[1], down.length(),
                           across.length(), block.data());
                add_block(block.data(), down, across, width, sums[reference]);
                const bool alone = unit.kind == kPrevious || unit.kind == kNext;
                if (alone && next) add_block(block.data(), down, across, width, sums[1 - reference]);
            }
        }
    for (int reference = 0; reference < (next ? 2 : 1); reference++)
        for (size_t i = 0; i < count; i++) sums[reference][i] >>= shift;
}

bool block_motion_valid(const BlockGrid& grid, const BlockUnit* units, bool both) {
    for (int row = 0; row < grid.rows; row++)
        for (int column = 0; column < grid.columns; column++) {
            const BlockUnit& unit = units[grid.at(row, column)];
            if (unit.log2_units < 0 || unit.log2_units > kRootLog2 - grid.unit_log2) return false;
            if (unit.kind < kStill || unit.kind > (both ? kBoth : kPrevious)) return false;
            const int side = 1 << unit.log2_units;
            const BlockUnit& corner = units[grid.at(row - row % side, column - column % side)];
            if (corner.log2_units != unit.log2_units || corner.kind != unit.kind) return false;
            for (int i = 0; i < 4; i++) {
                const int16_t value = unit.vectors[i / 2][i % 2];
                if (value != corner.vectors[i / 2][i % 2] || (value && !has_vector(unit.kind, i / 2)) || value < -kBlockMaxVector ||
                    value > kBlockMaxVector)
                    return false;
            }
        }
    return true;
}

int Candidates::expected() const { return count == 3 ? motion_median(values[0], values[1], values[2]) : values[0]; }

int Candidates::above_expected() const { return std::accumulate(values, values + count, 0) - count * expected(); }

int Candidates::spread() const {
    if (count == 0) return 0;
    const auto [least, most] = std::minmax_element(values, values + count);
    return *most - *least;
}

Candidates KnownVectors::candidates(int row, int column, int units, int reference, int component) const {
    const int places[3][2] = {{row, column - 1}, {row - 1, column}, {row - 1, column + units}};
    Candidates found{};
    for (const auto& place : places)
        if (known(place[0], place[1]))
            found.values[found.count++] = vectors_[4 * grid_.at(place[0], place[1]) + 2 * reference + component];
    return found;
}

void KnownVectors::set(int row, int column, int units, const int16_t (&vectors)[2][2]) {
    for (int y = row; y < std::min(row + units, grid_.rows); y++)
        for (int x = column; x < std::min(column + units, grid_.columns); x++) {
            std::copy_n(&vectors[0][0], 4, &vectors_[4 * grid_.at(y, x)]);
            known_[grid_.at(y, x)] = 1;
        }
}

}  // namespace medcodec
