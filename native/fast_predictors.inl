// The least-squares predictors of a row of tiles, 16 tiles side by side.

typedef float VecAnywhere __attribute__((vector_size(64), aligned(4)));
typedef int32_t IntVec __attribute__((vector_size(64)));

inline Vec load(const float* p) {
    return (Vec)(*reinterpret_cast<const VecAnywhere*>(p));
}
inline void store(float* p, const Vec& v) {
    *reinterpret_cast<VecAnywhere*>(p) = (VecAnywhere)v;
}
inline Vec all(float v) {
    return v - Vec{};
}
inline Vec smaller(const Vec& a, const Vec& b) {
    return a < b ? a : b;
}
inline Vec larger(const Vec& a, const Vec& b) {
    return a > b ? a : b;
}
inline Vec absolute(const Vec& a) {
    return a < 0 ? -a : a;
}

constexpr int kPredictors = 3;  // of the tile's surroundings, of a wider region, and of this frame alone
constexpr float kSampleScale = 64;
constexpr float kRidge = 3e-5f, kFloor = 2048;
constexpr float kNearDecay = 0.6f, kWideDecay = 0.93f, kFrameDecay = 0.6f;
constexpr float kSide = 0.5f, kRowShare = 0.1f, kBelow = 0.5f;
constexpr int kStripTiles = 4;  // rows of tiles that share what is kept for the next frame
constexpr float kTiny = 1e-10f;  // smaller sums are dropped, so that none becomes denormal
constexpr float kLargestWeight = 64;

// Sums of products for each tile of a row; the tile on either side of a row has none.
struct TileSums {
    static constexpr int kMargin = 16;
    size_t stride;
    Array<float> sums;
    TileSums(int rows, int tiles) : stride(static_cast<size_t>(tiles) + 2 * kMargin), sums(rows * kMaxPairs * stride) {}
    float* at(int row, int pair) {
        return sums.data + (static_cast<size_t>(row) * kMaxPairs + static_cast<size_t>(pair)) * stride + kMargin;
    }
    void clear() { std::memset(sums.data, 0, sums.size * sizeof(float)); }
};

// Solves for the predictors of 16 tiles. `s` holds the sums by pairs; weights beyond `count` are zero.
struct Solver {
    Vec left[kMaxTaps][kMaxTaps], right[kMaxTaps], inverse[kMaxTaps];

    void eliminate(const Vec* s, const TapSet& set) {
        const int n = set.count;
        Vec trace = {};
        for (int i = 0; i < n; i++) trace += s[pair_index(i, i, n)];
        const Vec ridge = trace * (kRidge / static_cast<float>(n)) + kFloor;
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) left[i][j] = s[pair_index(i, j, n)];
            left[i][i] += ridge;
            right[i] = s[pair_index(i, n, n)];
        }
        for (int i = 0; i < 4; i++) right[set.prior_tap[i]] += ridge * set.prior[i];
        for (int k = 0; k < n; k++) {
            inverse[k] = 1.0f / left[k][k];
            for (int i = k + 1; i < n; i++) {
                const Vec factor = left[k][i] * inverse[k];
                for (int j = i; j < n; j++) left[i][j] -= factor * left[k][j];
                right[i] -= factor * right[k];
            }
        }
    }
    void substitute(int count, Vec* weights) const {
        for (int k = count - 1; k >= 0; k--) {
            Vec x = right[k];
            for (int j = k + 1; j < count; j++) x -= left[k][j] * weights[j];
            weights[k] = x * inverse[k];
        }
        for (int k = 0; k < count; k++)
            weights[k] = absolute(weights[k]) < kLargestWeight ? weights[k] : Vec{};
        for (int k = count; k < kMaxTaps; k++) weights[k] = Vec{};
    }
};
