// The distribution of a voxel: a logistic around the prediction, whose quantiles are warped by adaptive
// cumulative histograms. All probabilities are integers out of 2^26.

constexpr int kLogisticSpan = 16;  // standard units on either side
constexpr int kLogisticSteps = 256;  // table entries per unit
constexpr int kWarpBits = 5;
constexpr int kWarpBins = 1 << kWarpBits;
constexpr int kWarpShift = kTotalBits - kWarpBits;

// exp(-v), 0 <= v <= 16, by a Taylor series of exp(-v / 1024) and repeated squaring: no libm.
inline double exp_negative(double v) {
    double t = -v / 1024, term = 1, sum = 1;
    for (int i = 1; i < 12; i++) term = term * t / i, sum += term;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

struct LogisticTable {
    uint32_t value[2 * kLogisticSpan * kLogisticSteps + 2];
    float quantile[1025];  // the inverse at i / 1024: only a decoder's first guess, so its exactness is irrelevant
    LogisticTable() {
        const int half = kLogisticSpan * kLogisticSteps;
        for (int i = 0; i <= half; i++) {
            double e = exp_negative(static_cast<double>(i) / kLogisticSteps);
            auto tail = static_cast<uint32_t>(e / (1 + e) * kTotal);
            value[half - i] = tail;
            value[half + i] = kTotal - tail;
        }
        value[2 * half + 1] = value[2 * half];
        for (int i = 0, j = 0; i <= 1024; i++) {
            while (j < 2 * half && value[j] < static_cast<uint32_t>(i) << (kTotalBits - 10)) j++;
            quantile[i] = static_cast<float>(j - half) / kLogisticSteps;
        }
    }
    // Cumulative probability at z standard units.
    uint32_t at(float z) const {
        const float limit = kLogisticSpan - 1.0f / 65536;
        if (!(z > -limit)) z = -limit;
        if (z > limit) z = limit;
        const int fixed = static_cast<int>((z + kLogisticSpan) * 65536);
        const int i = fixed >> 8, fraction = fixed & 255;
        return value[i] + ((value[i + 1] - value[i]) * static_cast<uint64_t>(fraction) >> 8);
    }
};

// A monotone map of [0, 2^26] onto itself, learned from the quantiles at which voxels fell.
struct Warp {
    alignas(64) int32_t edge[kWarpBins];  // the map at the bins' lower edges; edge 0 stays 0
    int32_t count;
    void reset() {
        for (int i = 0; i < kWarpBins; i++) edge[i] = i << kWarpShift;
        count = 0;
    }
    int32_t at_edge(int i) const {
        return i < kWarpBins ? edge[i] : static_cast<int32_t>(kTotal);
    }
    uint32_t at(uint32_t u) const {
        if (u >= kTotal) return kTotal;
        const int i = static_cast<int>(u >> kWarpShift);
        const int32_t low = at_edge(i), high = at_edge(i + 1);
        const uint32_t fraction = u & ((1u << kWarpShift) - 1);
        return static_cast<uint32_t>(low) + static_cast<uint32_t>(static_cast<uint64_t>(high - low) * fraction >> kWarpShift);
    }
    // Where `at` reaches `target`, roughly, in bins.
    float inverse(uint32_t target) const {
        int bin = -1;
        for (int i = 0; i < kWarpBins; i++) bin += edge[i] <= static_cast<int32_t>(target);
        const int32_t low = at_edge(bin), high = at_edge(bin + 1);
        const float part = high > low ? static_cast<float>(static_cast<int32_t>(target) - low) / static_cast<float>(high - low) : 0.5f;
        return static_cast<float>(bin) + part;
    }
    // Move towards the step (or ramp) of a voxel that covered the quantiles from `u0` to `u1`.
    void update(uint32_t u0, uint32_t u1, int slowest) {
        int shift = 3;
        while (shift < slowest && (count >> shift) > 0) shift++;
        if (count < 1 << 20) count++;
        const float slope = static_cast<float>(kTotal) / static_cast<float>(u1 > u0 ? u1 - u0 : 1);
        const float origin = static_cast<float>(u0), top = kTotal;
        for (int i = 0; i < kWarpBins; i++) {
            float ramp = (static_cast<float>(i) * static_cast<float>(1 << kWarpShift) - origin) * slope;
            ramp = ramp > 0 ? ramp : 0;
            ramp = ramp < top ? ramp : top;
            edge[i] = edge[i] - (edge[i] >> shift) + (static_cast<int32_t>(ramp) >> shift);
        }
    }
};

// Probability that the next voxel repeats its equal neighbours, out of 2^22.
struct RepeatModel {
    int32_t probability, count;
    uint32_t p16() const {
        const int32_t p = probability >> 6;
        return static_cast<uint32_t>(p < 1 ? 1 : p > 65535 ? 65535 : p);
    }
    void update(bool repeated) {
        const int shift = count < 7 ? 1 + (count + 1) / 2 : count < 255 ? 5 : 7;
        probability += ((repeated ? (1 << 22) - 1 : 0) - probability) >> shift;
        if (count < 255) count++;
    }
};
