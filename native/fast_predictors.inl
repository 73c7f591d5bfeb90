// The least-squares predictors of a row of tiles, 16 tiles side by side.

constexpr int kPredictors = 3;  // of the tile's surroundings, of a wider region, and of this frame alone
constexpr float kSampleScale = 64;
constexpr float kRidge = 3e-5f, kFloor = 2048;
constexpr float kNearDecay = 0.6f, kWideDecay = 0.93f, kFrameDecay = 0.6f;
constexpr float kSide = 0.5f, kRowShare = 0.1f, kBelow = 0.5f;
constexpr int kStripRows = 16;  // rows of voxels that share what is kept for the next frame
constexpr float kTiny = 1e-10f;  // smaller sums are dropped, so that none becomes denormal
constexpr float kLargestWeight = 64;

// Sums of products for each tile of a row; a tile between rows has none. Vectors run over into the next row, in lanes that
// no tile has.
struct TileSums {
    static constexpr int kMargin = 16;
    size_t stride;
    Array<float> sums;
    TileSums(int rows, int tiles) : stride(static_cast<size_t>(tiles) + 1), sums(rows * kMaxPairs * stride + 3 * kMargin) {}
    float* at(int row, int pair) {
        return sums.data + (static_cast<size_t>(row) * kMaxPairs + static_cast<size_t>(pair)) * stride + kMargin;
    }
    void clear() { std::memset(sums.data, 0, sums.size * sizeof(float)); }
};

// Solves for the predictors of 16 tiles. `s` holds the sums by pairs; weights beyond `count` are zero.
struct Solver {
    Wide left[kMaxTaps][kMaxTaps], right[kMaxTaps], inverse[kMaxTaps];

    void eliminate(const Wide* s, const TapSet& set) {
        const int n = set.count;
        Wide trace = {};
        for (int i = 0; i < n; i++) trace += s[pair_index(i, i, n)];
        const Wide ridge = trace * wide(kRidge / static_cast<float>(n)) + wide(kFloor);
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) left[i][j] = s[pair_index(i, j, n)];
            left[i][i] += ridge;
            right[i] = s[pair_index(i, n, n)];
        }
        for (int i = 0; i < 4; i++) right[set.prior_tap[i]] += ridge * wide(set.prior[i]);
        for (int k = 0; k < n; k++) {
            inverse[k] = wide(1) / left[k][k];
            for (int i = k + 1; i < n; i++) {
                const Wide factor = left[k][i] * inverse[k];
                for (int j = i; j < n; j++) left[i][j] -= factor * left[k][j];
                right[i] -= factor * right[k];
            }
        }
    }
    void substitute(int count, Wide* weights) const {
        for (int k = count - 1; k >= 0; k--) {
            Wide x = right[k];
            for (int j = k + 1; j < count; j++) x -= left[k][j] * weights[j];
            weights[k] = x * inverse[k];
        }
        for (int k = 0; k < count; k++)
            weights[k] = weights[k].unless_beyond(kLargestWeight);
        for (int k = count; k < kMaxTaps; k++) weights[k] = Wide{};
    }
};
