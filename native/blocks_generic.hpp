// The inner loops in plain C++: the reference for every vector path, and the only path of wide voxels.
#pragma once
#include <cstring>

#include "blocks_kernels.hpp"

namespace medcodec::blocks {
namespace generic {

template <class T>
struct Arithmetic;
template <>
struct Arithmetic<std::int16_t> {
    using Unsigned = std::uint16_t;
    using Sum = std::int32_t;
};
template <>
struct Arithmetic<std::int32_t> {
    using Unsigned = std::uint32_t;
    using Sum = std::int64_t;
};
template <class T>
using Sum = typename Arithmetic<T>::Sum;

template <class T>
T wrap(std::int64_t value) {
    return static_cast<T>(static_cast<typename Arithmetic<T>::Unsigned>(value));
}

inline std::int64_t saturate16(std::int64_t v) { return v < -32768 ? -32768 : v > 32767 ? 32767 : v; }

template <class V>
V clamp(V v, V low, V high) {
    return v < low ? low : v > high ? high : v;
}

// The median edge detector on the step from NW to N, which callers saturate to 16 bits for 16-bit voxels.
template <class V>
V median_edge(V w, V n, V step) {
    return clamp<V>(w + step, w < n ? w : n, w < n ? n : w);
}

template <class T>
Sum<T> edge_step(T n, T nw) {
    const std::int64_t step = static_cast<std::int64_t>(n) - nw;
    return static_cast<Sum<T>>(sizeof(T) == 2 ? saturate16(step) : step);
}

template <class T>
T predict(const RowTaps<T>& row, std::ptrdiff_t x, const std::int32_t* weights, int pairs, Sum<T> low,
          Sum<T> high) {
    Sum<T> sum = Sum<T>{1} << (kWeightBits - 1);
    for (int i = 0; i < 2 * pairs; ++i) sum += static_cast<Sum<T>>(weights[i]) * row.tap[i][x];
    return static_cast<T>(clamp<Sum<T>>(sum >> kWeightBits, low, high));
}

template <class T>
T predict_med(const RowTaps<T>& row, std::ptrdiff_t x) {
    const Sum<T> n = row.tap[kN][x];
    return static_cast<T>(median_edge<Sum<T>>(row.tap[kW][x], n, edge_step(row.tap[kN][x], row.tap[kNW][x])));
}

template <class T>
std::int64_t magnitude(T residual) {
    const std::int64_t r = residual;
    const std::int64_t most = sizeof(T) == 2 ? 32767 : 2147483647;
    return r < 0 ? (-r > most ? most : -r) : r;
}

template <class T>
int choose_block(const BlockTask<T>& task, T* residuals, std::ptrdiff_t stride) {
    T trial[kBlock * kBlock];
    std::int64_t best_cost = INT64_MAX;
    int best = 0;
    for (int k = 0; k <= task.predictors; ++k) {
        std::int64_t cost = 0;
        for (int y = 0; y < task.row_count; ++y) {
            for (int i = 0; i < task.columns; ++i) {
                const std::ptrdiff_t x = task.column + i;
                const T p = k < task.predictors
                                ? predict<T>(task.rows[y], x, task.weights[k], task.pairs, task.low, task.high)
                                : predict_med<T>(task.rows[y], x);
                const T r = wrap<T>(static_cast<std::int64_t>(task.voxels[y][x]) - p);
                trial[y * kBlock + i] = r;
                cost += magnitude(r);
            }
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = k;
        for (int y = 0; y < task.row_count; ++y)
            std::memcpy(residuals + y * stride, trial + y * kBlock, sizeof(T) * task.columns);
    }
    return best;
}

template <class T>
void tap_sums(const RowTaps<T>& row, std::ptrdiff_t column, int columns, const std::int32_t* weights, int pairs,
              Sum<T>* sums) {
    for (int i = 0; i < columns; ++i) sums[i] = Sum<T>{1} << (kWeightBits - 1);
    for (int t = kSerialTaps; t < 2 * pairs; ++t) {
        const Sum<T> weight = weights[t];
        const T* tap = row.tap[t] + column;
        for (int i = 0; i < columns; ++i) sums[i] += weight * tap[i];
    }
}

// Half-octave level of an activity sum: 0 for 0, 1 for 1, 3 for 2, 4 for 3, 5 for 4 and 5, ...
inline std::uint8_t level(std::uint32_t sum) {
    if (sum == 0) return 0;
    const float value = static_cast<float>(sum);
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint8_t>((bits >> 22) - 253);
}

// 2 N + NW + NE + NWW + NEE + NN + NNW + NNE and, with a reference, P + PW + PE + PS.
inline void even_levels(const ActivityRows& a, std::ptrdiff_t columns, std::uint8_t* levels) {
    for (std::ptrdiff_t i = 0; i < columns; ++i) {
        std::uint32_t sum = 2u * a.north_even[i] + a.north_odd[i - 1] + a.north_odd[i] + a.north_even[i - 1] +
                            a.north_even[i + 1] + a.north2_even[i] + a.north2_odd[i - 1] + a.north2_odd[i];
        if (a.ref_even) sum += static_cast<std::uint32_t>(a.ref_even[i]) + a.ref_odd[i - 1] + a.ref_odd[i] + a.below_even[i];
        levels[i] = level(sum);
    }
}

// 2 W + 2 E + WWW + 2 N + NW + NE + NN + NNW + NNE and, with a reference, P + PW + PE + PS.
inline void odd_levels(const ActivityRows& a, std::ptrdiff_t columns, std::uint8_t* levels) {
    for (std::ptrdiff_t i = 0; i < columns; ++i) {
        std::uint32_t sum = 2u * a.even[i] + 2u * a.even[i + 1] + a.even[i - 1] + 2u * a.north_odd[i] +
                            a.north_even[i] + a.north_even[i + 1] + a.north2_odd[i] + a.north2_even[i] +
                            a.north2_even[i + 1];
        if (a.ref_even) sum += static_cast<std::uint32_t>(a.ref_odd[i]) + a.ref_even[i] + a.ref_even[i + 1] + a.below_odd[i];
        levels[i] = level(sum);
    }
}

template <class T>
void tokenise(const T* residuals, std::ptrdiff_t count, int magnitude_shift,
              typename Arithmetic<T>::Unsigned* zigzag, std::uint8_t* tokens, std::uint16_t* magnitudes) {
    using U = typename Arithmetic<T>::Unsigned;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const std::int64_t r = residuals[i];
        const U z = static_cast<U>(r < 0 ? -2 * r - 1 : 2 * r);
        zigzag[i] = z;
        int octave = 0;
        while (octave < 29 && (static_cast<std::uint32_t>(z) >> octave) >= 8) ++octave;
        tokens[i] = static_cast<std::uint8_t>(z < kDirectTokens ? z : 4 * octave + 4 + (z >> octave));
        const std::int64_t m = magnitude(residuals[i]) >> magnitude_shift;
        magnitudes[i] = static_cast<std::uint16_t>(m > kMagnitudeMax ? kMagnitudeMax : m);
    }
}

// Products of features fit: the caller scales them to 12 bits.
inline void covariance(const std::int16_t (*features)[kBlock * kBlock], int count, std::int32_t* out) {
    for (int i = 0; i < count; ++i) {
        for (int j = i; j < count; ++j) {
            std::int32_t sum = 0;
            for (int p = 0; p < kBlock * kBlock; ++p)
                sum += static_cast<std::int32_t>(features[i][p]) * features[j][p];
            *out++ = sum;
        }
    }
}

// Decodes tokens [first, count); returns false if the words run out.
inline bool decode_tokens(Lanes& lanes, const TokenTables& tables, const std::uint8_t* levels,
                          std::ptrdiff_t first, std::ptrdiff_t count, std::uint8_t* tokens) {
    const std::uint8_t* words = lanes.words;
    for (std::ptrdiff_t i = first; i < count; ++i) {
        std::uint32_t& state = lanes.state[i & (lanes.count - 1)];
        const std::uint32_t entry = tables.entries[tables.offsets[levels[i]] + (state & (kTableSize - 1))];
        tokens[i] = static_cast<std::uint8_t>(entry & 127);
        state = ((entry >> 7) & 8191) * (state >> kTableBits) + (entry >> 20);
        if (state >= kStateLow) continue;
        if (words == lanes.end) return false;
        state = state << 16 | words[0] | static_cast<std::uint32_t>(words[1]) << 8;
        words += 2;
    }
    lanes.words = words;
    return true;
}

inline std::uint64_t load64(const std::uint8_t* p) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(p[i]) << (8 * i);
    return value;
}

template <class T>
void put_residual(std::uint32_t zigzag, int magnitude_shift, T* residual, std::uint16_t* clipped) {
    const T r = static_cast<T>(static_cast<typename Arithmetic<T>::Unsigned>((zigzag >> 1) ^ (0u - (zigzag & 1))));
    *residual = r;
    const std::int64_t m = magnitude(r) >> magnitude_shift;
    *clipped = static_cast<std::uint16_t>(m > kMagnitudeMax ? kMagnitudeMax : m);
}

template <class T>
void expand(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw, T* residuals,
            std::uint16_t* magnitudes) {
    std::uint64_t at = raw.at;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const int bits = kTokenValues.bits[tokens[i]];
        const std::uint64_t window = load64(raw.data + (at >> 3)) >> (at & 7);
        at += static_cast<std::uint64_t>(bits);
        const std::uint32_t extra = static_cast<std::uint32_t>(window & ((std::uint64_t{1} << bits) - 1));
        put_residual(kTokenValues.base[tokens[i]] + extra, magnitude_shift, residuals + i, magnitudes + i);
    }
    raw.at = at;
}

// As expand, near the end of the raw bits; returns false if they run out.
template <class T>
bool expand_checked(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw,
                    T* residuals, std::uint16_t* magnitudes) {
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const int bits = kTokenValues.bits[tokens[i]];
        if (static_cast<std::uint64_t>(bits) > raw.size - raw.at) return false;
        std::uint32_t extra = 0;
        for (int b = 0; b < bits; ++b, ++raw.at)
            extra |= static_cast<std::uint32_t>(raw.data[raw.at >> 3] >> (raw.at & 7) & 1) << b;
        put_residual(kTokenValues.base[tokens[i]] + extra, magnitude_shift, residuals + i, magnitudes + i);
    }
    return true;
}

}  // namespace generic
}  // namespace medcodec::blocks
