// The inner loops in plain C++: the reference for every vector path, and the only path of wide voxels.
#pragma once
#include <cstring>
#include <limits>

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
T wrap(Sum<T> value) {
    return static_cast<T>(static_cast<typename Arithmetic<T>::Unsigned>(value));
}

inline std::int64_t saturate16(std::int64_t v) {
    return v < -32768 ? -32768 : v > 32767 ? 32767 : v;
}

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
T predict_med(const RowTaps<T>& row, std::ptrdiff_t x) {
    const Sum<T> n = row.tap[kN][x];
    return static_cast<T>(median_edge<Sum<T>>(row.tap[kW][x], n, edge_step(row.tap[kN][x], row.tap[kNW][x])));
}

template <class T>
Sum<T> magnitude(T residual) {
    const Sum<T> r = residual, most = std::numeric_limits<T>::max();
    const Sum<T> m = r < 0 ? -r : r;
    return m > most ? most : m;
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

// Predictions of one row of a block, by the linear predictor with these weights or, without weights, by MED.
// Always for kBlock columns, so that loops have a constant length: rows have slack.
template <class T>
void predict(const BlockTask<T>& task, const RowTaps<T>& row, const std::int32_t* weights, T* predictions) {
    const std::ptrdiff_t x = task.column;
    if (!weights) {
        for (int i = 0; i < kBlock; ++i) predictions[i] = predict_med<T>(row, x + i);
        return;
    }
    Sum<T> sums[kBlock];
    tap_sums<T>(row, x, kBlock, weights, task.pairs, sums);
    const Sum<T> weight_w = weights[kW], weight_ww = weights[kWW], low = task.low, high = task.high;
    const T *w = row.tap[kW] + x, *ww = row.tap[kWW] + x;
    for (int i = 0; i < kBlock; ++i)
        predictions[i] =
            static_cast<T>(clamp<Sum<T>>((sums[i] + weight_w * w[i] + weight_ww * ww[i]) >> kWeightBits, low, high));
}

template <class T>
int choose_block(const BlockTask<T>& task, T* residuals, std::ptrdiff_t stride) {
    T trial[kBlock * kBlock], predictions[kBlock];
    Sum<T> best_cost = std::numeric_limits<Sum<T>>::max();
    int best = 0;
    for (int k = 0; k <= task.predictors; ++k) {
        Sum<T> cost = 0;
        for (int y = 0; y < task.row_count; ++y) {
            predict<T>(task, task.rows[y], k < task.predictors ? task.weights[k] : nullptr, predictions);
            const T* voxels = task.voxels[y] + task.column;
            T* row = trial + y * kBlock;
            for (int i = 0; i < kBlock; ++i) row[i] = wrap<T>(static_cast<Sum<T>>(voxels[i]) - predictions[i]);
            for (int i = 0; i < task.columns; ++i) cost += magnitude(row[i]);
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        best = k;
        for (int y = 0; y < task.row_count; ++y)
            std::memcpy(residuals + y * stride, trial + y * kBlock,
                        sizeof(T) * static_cast<std::size_t>(task.columns));
    }
    return best;
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
        if (a.ref_even)
            sum += static_cast<std::uint32_t>(a.ref_even[i]) + a.ref_odd[i - 1] + a.ref_odd[i] + a.below_even[i];
        levels[i] = level(sum);
    }
}

// 2 W + 2 E + WWW + 2 N + NW + NE + NN + NNW + NNE and, with a reference, P + PW + PE + PS.
inline void odd_levels(const ActivityRows& a, std::ptrdiff_t columns, std::uint8_t* levels) {
    for (std::ptrdiff_t i = 0; i < columns; ++i) {
        std::uint32_t sum = 2u * a.even[i] + 2u * a.even[i + 1] + a.even[i - 1] + 2u * a.north_odd[i] +
                            a.north_even[i] + a.north_even[i + 1] + a.north2_odd[i] + a.north2_even[i] +
                            a.north2_even[i + 1];
        if (a.ref_even)
            sum += static_cast<std::uint32_t>(a.ref_odd[i]) + a.ref_even[i] + a.ref_even[i + 1] + a.below_odd[i];
        levels[i] = level(sum);
    }
}

// How far a zigzag value above kDirectTokens must be shifted to leave its three leading bits.
inline int octave(std::uint32_t zigzag) {
    int shift = 0;
    for (int step = 16; step; step >>= 1)
        if (zigzag >> shift >> step >= 4) shift += step;
    return shift;
}

template <class T>
void tokenise(const T* residuals, std::ptrdiff_t count, int magnitude_shift, typename Arithmetic<T>::Unsigned* zigzag,
              std::uint8_t* tokens, std::uint16_t* magnitudes) {
    using U = typename Arithmetic<T>::Unsigned;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const Sum<T> r = residuals[i];
        const U z = static_cast<U>(r < 0 ? -2 * r - 1 : 2 * r);
        zigzag[i] = z;
        tokens[i] = static_cast<std::uint8_t>(z < kDirectTokens ? z : 4 * octave(z) + 4 + (z >> octave(z)));
        const Sum<T> m = magnitude(residuals[i]) >> magnitude_shift;
        magnitudes[i] = static_cast<std::uint16_t>(m > kMagnitudeMax ? kMagnitudeMax : m);
    }
}

// Products of features fit: the caller scales them to 12 bits.
inline void covariance(const std::int16_t* features, int count, std::int32_t* out) {
    constexpr int kPixels = kBlock * kBlock;
    for (int i = 0; i < count; ++i) {
        for (int j = i; j < count; ++j) {
            const std::int16_t *a = features + i * kPixels, *b = features + j * kPixels;
            std::int32_t sum = 0;
            for (int p = 0; p < kPixels; ++p) sum += static_cast<std::int32_t>(a[p]) * b[p];
            *out++ = sum;
        }
    }
}

struct Decoded {
    std::uint32_t token, state;
};

inline Decoded decode_token(const TokenTables& tables, std::uint8_t level, std::uint32_t state) {
    const std::uint32_t entry = tables.entries[tables.contexts[level] * kTableSize + (state & (kTableSize - 1))];
    return {entry & 127, ((entry >> 7) & 8191) * (state >> kTableBits) + (entry >> 20)};
}

// Returns false if the words run out.
inline bool decode_checked(Lanes& lanes, const TokenTables& tables, const std::uint8_t* levels, std::ptrdiff_t count,
                           std::uint8_t* tokens) {
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        std::uint32_t& state = lanes.state[i & (lanes.count - 1)];
        const Decoded next = decode_token(tables, levels[i], state);
        tokens[i] = static_cast<std::uint8_t>(next.token);
        state = next.state;
        if (state >= kStateLow) continue;
        if (lanes.words == lanes.end) return false;
        state = state << 16 | lanes.words[0] | static_cast<std::uint32_t>(lanes.words[1]) << 8;
        lanes.words += 2;
    }
    return true;
}

// The number of lanes as a constant lets the compiler unroll.
template <int kLaneCount>
void decode_lanes(Lanes& lanes, const TokenTables& tables, const std::uint8_t* levels, std::ptrdiff_t count,
                  std::uint8_t* tokens) {
    std::uint32_t state[kLaneCount];
    std::memcpy(state, lanes.state, sizeof state);
    const std::uint8_t* words = lanes.words;
    for (std::ptrdiff_t i = 0; i < count; i += kLaneCount) {
        const int active = count - i < kLaneCount ? static_cast<int>(count - i) : kLaneCount;
        for (int lane = 0; lane < active; ++lane) {
            const Decoded next = decode_token(tables, levels[i + lane], state[lane]);
            tokens[i + lane] = static_cast<std::uint8_t>(next.token);
            // Read always, used where the state is too small: no branch to mispredict.
            const std::uint32_t word = words[0] | static_cast<std::uint32_t>(words[1]) << 8;
            const std::uint32_t low = next.state < kStateLow;
            state[lane] = next.state << (16 * low) | (word & (0u - low));
            words += 2 * low;
        }
    }
    std::memcpy(lanes.state, state, sizeof state);
    lanes.words = words;
}

inline void decode_tokens(Lanes& lanes, const TokenTables& tables, const std::uint8_t* levels, std::ptrdiff_t count,
                          std::uint8_t* tokens) {
    if (lanes.count == kMaxLanes)
        decode_lanes<kMaxLanes>(lanes, tables, levels, count, tokens);
    else
        decode_lanes<kFewLanes>(lanes, tables, levels, count, tokens);
}

inline std::uint64_t load64(const std::uint8_t* p) {
    std::uint64_t value = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(p[i]) << (8 * i);
#else
    std::memcpy(&value, p, 8);
#endif
    return value;
}

// Zigzag values of tokens. The caller knows that their raw bits, and 8 bytes more, are there.
inline void zigzag_values(const std::uint8_t* tokens, std::ptrdiff_t count, RawBits& raw, std::uint32_t* zigzag) {
    std::uint64_t at = raw.at;
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        const int bits = kTokenValues.bits[tokens[i]];
        const std::uint64_t window = load64(raw.data + (at >> 3)) >> (at & 7);
        at += static_cast<std::uint64_t>(bits);
        zigzag[i] =
            kTokenValues.base[tokens[i]] + static_cast<std::uint32_t>(window & ((std::uint64_t{1} << bits) - 1));
    }
    raw.at = at;
}

template <class T>
void put_residual(std::uint32_t zigzag, int magnitude_shift, T* residual, std::uint16_t* clipped) {
    const T r = static_cast<T>(static_cast<typename Arithmetic<T>::Unsigned>((zigzag >> 1) ^ (0u - (zigzag & 1))));
    *residual = r;
    const Sum<T> m = magnitude(r) >> magnitude_shift;
    *clipped = static_cast<std::uint16_t>(m > kMagnitudeMax ? kMagnitudeMax : m);
}

template <class T>
void expand(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw, T* residuals,
            std::uint16_t* magnitudes) {
    for (std::ptrdiff_t i = 0; i < count; ++i) {
        std::uint32_t zigzag;
        zigzag_values(tokens + i, 1, raw, &zigzag);
        put_residual(zigzag, magnitude_shift, residuals + i, magnitudes + i);
    }
}

// As expand, near the end of the raw bits; returns false if they run out.
template <class T>
bool expand_checked(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw, T* residuals,
                    std::uint16_t* magnitudes) {
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
