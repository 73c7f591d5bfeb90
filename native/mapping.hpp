// What the choice of a value mapping has to know of all voxels, in one pass over them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace medcodec {

// Sets seen[value - low] for each value; false if a value lies outside of `seen`.
template <class Value>
bool mark_present(const Value* values, size_t count, uint64_t low, uint8_t* seen, size_t span) {
    bool within = true;
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = static_cast<uint64_t>(values[i]) - low;
        if (offset < span)
            seen[offset] = 1;
        else
            within = false;
    }
    return within;
}

constexpr int kActivities = 32;

struct EdgeSums {
    int64_t number[kActivities] = {};
    int64_t before[kActivities] = {}, after[kActivities] = {};
};

inline int32_t median_edge_size(const int32_t* row, const int32_t* north, size_t x) {
    const int32_t w = row[x - 1], n = north[x], corner = north[x - 1];
    const int32_t low = w < n ? w : n, high = w < n ? n : w, plane = w + n - corner;
    const int32_t off = row[x] - (plane < low ? low : plane > high ? high : plane);
    return off < 0 ? -off : off;
}

// Absolute median-edge residuals of two versions of the same frames, summed by the activity around the voxel in the
// first version: its bit length. Levels lie below 2^24; the first row and column of each frame are left out.
inline EdgeSums median_edge_sums(const int32_t* before, const int32_t* after, size_t frames, size_t height, size_t width) {
    EdgeSums sums;
    for (size_t f = 0; f < frames; f++)
        for (size_t y = 1; y < height; y++) {
            const int32_t *row = before + (f * height + y) * width, *north = row - width;
            const int32_t *other = after + (f * height + y) * width, *other_north = other - width;
            for (size_t x = 1; x < width; x++) {
                const int32_t across = row[x - 1] - north[x - 1], down = north[x] - north[x - 1];
                const auto activity = static_cast<uint32_t>((across < 0 ? -across : across) + (down < 0 ? -down : down));
                const int c = activity ? 32 - __builtin_clz(activity) : 0;
                sums.number[c]++;
                sums.before[c] += median_edge_size(row, north, x);
                sums.after[c] += median_edge_size(other, other_north, x);
            }
        }
    return sums;
}

// Nearest lattice index of each voxel of one frame, 0 for what is not finite or far away, and whether the index does
// not give back the voxel's bits. Indices lie below `limit`, at most 2^50.
template <class Real, class Word>
void lattice_indices(const Real* voxels, size_t count, double slope, double intercept, bool quotient, double limit,
                     int64_t* indices, uint8_t* missed) {
    constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: added and taken off again, it rounds to even
    for (size_t i = 0; i < count; i++) {
        const double offset = static_cast<double>(voxels[i]) - intercept;
        const double real = quotient ? offset * slope : offset / slope;
        double nearest = (real + kRound) - kRound;
        const double size = real < 0 ? -real : real;
        // The second comparison is false for what is not a number.
        nearest = size < 2 * limit && nearest < limit && nearest > -limit ? nearest : 0;
        const auto index = static_cast<int64_t>(nearest);
        indices[i] = index;
        const auto whole = static_cast<double>(index);
        double value = quotient ? whole / slope : whole * slope;
        if (intercept != 0) value += intercept;
        const Real rounded = static_cast<Real>(value);
        Word expected, found;
        std::memcpy(&expected, voxels + i, sizeof expected);
        std::memcpy(&found, &rounded, sizeof found);
        missed[i] = expected != found;
    }
}

// Calls visit with each clear difference of neighbouring sorted values, and by how much rounding may have changed it.
template <class Real, class Word, class Visit>
void each_clear_step(const Real* values, size_t count, Visit visit) {
    double half_before = 0;
    for (size_t i = 0; i < count; i++) {
        // Half the distance from the value's size to the next larger number.
        Real size = values[i] < 0 ? -values[i] : values[i], next;
        Word bits;
        std::memcpy(&bits, &size, sizeof bits);
        bits++;
        std::memcpy(&next, &bits, sizeof next);
        const double half = static_cast<double>(static_cast<Real>(next - size)) / 2;
        if (i) {
            const double step = static_cast<double>(values[i]) - static_cast<double>(values[i - 1]), slack = half + half_before;
            if (step > 4 * slack) visit(step, slack);
        }
        half_before = half;
    }
}

struct StepRange {
    double low = 0, high = 0;
};

// A range for the smallest clear step of sorted values; zeros if there is none. Steps that are at most half larger must
// be the same one: together they narrow the range.
template <class Real, class Word>
StepRange smallest_step(const Real* values, size_t count) {
    double smallest = std::numeric_limits<double>::infinity(), its_slack = 0;
    each_clear_step<Real, Word>(values, count, [&](double step, double slack) {
        if (step < smallest) smallest = step, its_slack = slack;
    });
    if (smallest == std::numeric_limits<double>::infinity()) return {};
    StepRange range{smallest - its_slack, smallest + its_slack};
    StepRange narrow = range;
    each_clear_step<Real, Word>(values, count, [&](double step, double slack) {
        if (!(step < 1.5 * smallest)) return;
        narrow.low = step - slack > narrow.low ? step - slack : narrow.low;
        narrow.high = step + slack < narrow.high ? step + slack : narrow.high;
    });
    return narrow.low < narrow.high ? narrow : range;
}

}  // namespace medcodec
