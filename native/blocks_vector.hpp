// The inner loops on vectors of 16-bit lanes. Included once per instruction set, by a file that defines V;
// everything is local to that file, so that no code for one set is linked into another. For the same reason only
// plain functions of blocks_generic.hpp are called from here, no templates.
//
// Vectors may read and write past the last column: rows have kPadRight voxels of slack.

namespace {

using medcodec::blocks::ActivityRows;
using medcodec::blocks::BlockTask;
using medcodec::blocks::kBlock;
using medcodec::blocks::kSerialTaps;
using medcodec::blocks::kTapPairs;
using medcodec::blocks::kWeightBits;
using medcodec::blocks::RowTaps;

using Reg = V::Reg;
constexpr int kRound = 1 << (kWeightBits - 1);

inline std::int32_t weight_pair(const std::int32_t* weights, int pair) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(weights[2 * pair]) & 0xffff) |
                                     static_cast<std::uint32_t>(weights[2 * pair + 1]) << 16);
}

inline Reg magnitude(Reg r) {
    return V::max16(r, V::subs16(V::zero(), r));
}

inline Reg median_edge(const RowTaps<std::int16_t>& row, std::ptrdiff_t x) {
    const Reg w = V::load(row.tap[medcodec::blocks::kW] + x);
    const Reg n = V::load(row.tap[medcodec::blocks::kN] + x);
    const Reg nw = V::load(row.tap[medcodec::blocks::kNW] + x);
    const Reg gradient = V::adds16(w, V::subs16(n, nw));
    return V::min16(V::max16(gradient, V::min16(w, n)), V::max16(w, n));
}

int choose_block(const BlockTask<std::int16_t>& task, std::int16_t* residuals, std::ptrdiff_t stride) {
    constexpr int kMost = medcodec::blocks::kMaxPredictors;
    static const std::int16_t kMask[2 * kBlock] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    std::int16_t trial[kMost + 1][kBlock * kBlock];
    std::int32_t pairs[kMost][kTapPairs];
    Reg cost[kMost + 1];
    for (int k = 0; k <= task.predictors; ++k) cost[k] = V::zero();
    for (int k = 0; k < task.predictors; ++k)
        for (int p = 0; p < task.pairs; ++p) pairs[k][p] = weight_pair(task.weights[k], p);
    const Reg low = V::set16(static_cast<std::int16_t>(task.low)),
              high = V::set16(static_cast<std::int16_t>(task.high));
    for (int y = 0; y < task.row_count; ++y) {
        const RowTaps<std::int16_t>& row = task.rows[y];
        for (int h = 0; h < kBlock; h += V::kLanes) {
            const std::ptrdiff_t x = task.column + h;
            const Reg voxels = V::load(task.voxels[y] + x);
            const Reg mask = V::load(kMask + kBlock - task.columns + h);
            Reg even[kTapPairs], odd[kTapPairs];
            for (int p = 0; p < task.pairs; ++p) {
                const Reg a = V::load(row.tap[2 * p] + x), b = V::load(row.tap[2 * p + 1] + x);
                even[p] = V::unpack_low(a, b);
                odd[p] = V::unpack_high(a, b);
            }
            for (int k = 0; k <= task.predictors; ++k) {
                Reg prediction;
                if (k < task.predictors) {
                    Reg sum_even = V::set32(kRound), sum_odd = sum_even;
                    for (int p = 0; p < task.pairs; ++p) {
                        const Reg weights = V::set32(pairs[k][p]);
                        sum_even = V::add32(sum_even, V::madd(even[p], weights));
                        sum_odd = V::add32(sum_odd, V::madd(odd[p], weights));
                    }
                    prediction =
                        V::pack32(V::shift_right32<kWeightBits>(sum_even), V::shift_right32<kWeightBits>(sum_odd));
                    prediction = V::min16(V::max16(prediction, low), high);
                } else {
                    prediction = median_edge(row, x);
                }
                const Reg r = V::sub16(voxels, prediction);
                V::store(trial[k] + y * kBlock + h, r);
                cost[k] = V::add32(cost[k], V::madd(V::bit_and(magnitude(r), mask), V::set16(1)));
            }
        }
    }
    int best = 0;
    std::int64_t least = V::sum32(cost[0]);
    for (int k = 1; k <= task.predictors; ++k) {
        const std::int64_t c = V::sum32(cost[k]);
        if (c >= least) continue;
        least = c;
        best = k;
    }
    for (int y = 0; y < task.row_count; ++y)
        for (int h = 0; h < kBlock; h += V::kLanes)
            V::store(residuals + y * stride + h, V::load(trial[best] + y * kBlock + h));
    return best;
}

void tap_sums(const RowTaps<std::int16_t>& row, std::ptrdiff_t column, int columns, const std::int32_t* weights,
              int pairs, std::int32_t* sums) {
    Reg pair[kTapPairs];
    for (int p = kSerialTaps / 2; p < pairs; ++p) pair[p] = V::set32(weight_pair(weights, p));
    for (int h = 0; h < columns; h += V::kLanes) {
        Reg sum_low = V::set32(kRound), sum_high = sum_low;
        for (int p = kSerialTaps / 2; p < pairs; ++p) {
            const Reg a = V::load(row.tap[2 * p] + column + h), b = V::load(row.tap[2 * p + 1] + column + h);
            sum_low = V::add32(sum_low, V::madd(V::unpack_low(a, b), pair[p]));
            sum_high = V::add32(sum_high, V::madd(V::unpack_high(a, b), pair[p]));
        }
        V::store_unpacked(sums + h, sum_low, sum_high);
    }
}

void covariance(const std::int16_t* features, int count, std::int32_t* out) {
    constexpr int kPixels = kBlock * kBlock;
    for (int i = 0; i < count; ++i) {
        for (int j = i; j < count; j += 4) {
            // Columns past the last one are computed and dropped.
            const std::int16_t* other[4];
            for (int k = 0; k < 4; ++k) other[k] = features + (j + k < count ? j + k : j) * kPixels;
            Reg sum[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
            for (int p = 0; p < kPixels; p += V::kLanes) {
                const Reg a = V::load(features + i * kPixels + p);
                for (int k = 0; k < 4; ++k) sum[k] = V::add32(sum[k], V::madd(a, V::load(other[k] + p)));
            }
            for (int k = 0; k < 4 && j + k < count; ++k) *out++ = V::sum32(sum[k]);
        }
    }
}

inline Reg twice(Reg r) {
    return V::add16(r, r);
}

inline Reg sum_at(const std::uint16_t* a, const std::uint16_t* b) {
    return V::add16(V::load(a), V::load(b));
}

inline Reg sum_at(const std::uint16_t* a, const std::uint16_t* b, const std::uint16_t* c, const std::uint16_t* d) {
    return V::add16(sum_at(a, b), sum_at(c, d));
}

void even_levels(const ActivityRows& a, std::ptrdiff_t columns, std::uint8_t* levels) {
    for (std::ptrdiff_t i = 0; i < columns; i += V::kLanes) {
        const Reg north = V::load(a.north_even + i);
        Reg sum = V::add16(sum_at(a.north_odd + i - 1, a.north_odd + i, a.north_even + i - 1, a.north_even + i + 1),
                           sum_at(a.north2_odd + i - 1, a.north2_odd + i));
        sum = V::add16(V::add16(sum, twice(north)), V::load(a.north2_even + i));
        if (a.ref_even)
            sum = V::add16(sum, sum_at(a.ref_even + i, a.ref_odd + i - 1, a.ref_odd + i, a.below_even + i));
        V::store_bytes(levels + i, V::level(sum));
    }
}

void odd_levels(const ActivityRows& a, std::ptrdiff_t columns, std::uint8_t* levels) {
    for (std::ptrdiff_t i = 0; i < columns; i += V::kLanes) {
        const Reg near = V::add16(sum_at(a.even + i, a.even + i + 1), V::load(a.north_odd + i));
        Reg sum = V::add16(twice(near), sum_at(a.even + i - 1, a.north2_odd + i));
        sum = V::add16(sum, sum_at(a.north_even + i, a.north_even + i + 1, a.north2_even + i, a.north2_even + i + 1));
        if (a.ref_even)
            sum = V::add16(sum, sum_at(a.ref_odd + i, a.ref_even + i, a.ref_even + i + 1, a.below_odd + i));
        V::store_bytes(levels + i, V::level(sum));
    }
}

// The contexts of the next row count on zeros after the last column.
inline void clear_after(std::uint16_t* magnitudes, std::ptrdiff_t count) {
    for (int h = 0; h < kBlock; h += V::kLanes) V::store(magnitudes + count + h, V::zero());
}

void tokenise(const std::int16_t* residuals, std::ptrdiff_t count, int magnitude_shift, std::uint16_t* zigzag,
              std::uint8_t* tokens, std::uint16_t* magnitudes) {
    const Reg limit = V::set16(medcodec::blocks::kMagnitudeMax), direct = V::set16(-medcodec::blocks::kDirectTokens);
    for (std::ptrdiff_t i = 0; i < count; i += V::kLanes) {
        const Reg r = V::load(residuals + i);
        const Reg z = V::bit_xor(twice(r), V::sign16(r));
        const Reg is_direct = V::equal16(V::bit_and(z, direct), V::zero());
        V::store(zigzag + i, z);
        V::store_bytes(tokens + i, V::select(is_direct, z, V::token(z)));
        V::store(magnitudes + i, V::min16(V::shift_right16(magnitude(r), magnitude_shift), limit));
    }
    clear_after(magnitudes, count);
}

// Residuals and clipped magnitudes of kLanes zigzag values.
inline void put_residuals(Reg zigzag, int magnitude_shift, std::int16_t* residuals, std::uint16_t* magnitudes) {
    const Reg sign = V::sub16(V::zero(), V::bit_and(zigzag, V::set16(1)));
    const Reg r = V::bit_xor(V::shift_right16(zigzag, 1), sign);
    V::store(residuals, r);
    V::store(magnitudes,
             V::min16(V::shift_right16(magnitude(r), magnitude_shift), V::set16(medcodec::blocks::kMagnitudeMax)));
}

// The last `count` <= kLanes tokens of a run, or all of them a few at a time.
inline void expand_few(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift,
                       medcodec::blocks::RawBits& raw, std::int16_t* residuals, std::uint16_t* magnitudes) {
    std::uint32_t wide[V::kLanes];
    std::uint16_t zigzag[V::kLanes] = {};
    medcodec::blocks::generic::zigzag_values(tokens, count, raw, wide);
    for (std::ptrdiff_t i = 0; i < count; ++i) zigzag[i] = static_cast<std::uint16_t>(wide[i]);
    put_residuals(V::load(zigzag), magnitude_shift, residuals, magnitudes);
}

}  // namespace
