// The expected absolute error of a voxel: a linear model of what is known around it, fitted online.

constexpr int kScaleFeatures = kLanes - 1;

struct ScaleModel {
    Normal<1> normal;
    Vec weights;
    void reset() {
        std::memset(static_cast<void*>(&normal), 0, sizeof normal);
        for (int i = 0; i < kLanes; i++) weights[i] = i < kScaleFeatures ? 1.0f / kLanes : 0;
    }
    void update(Vec features, float error, float weight) {
        features[kScaleFeatures] = error;
        normal.update(&features, weight, kScaleFeatures);
    }
    void end_row(float decay) {
        Normal<1> m = normal;
        for (int i = 0; i < kScaleFeatures; i++) {
            reinterpret_cast<float*>(m.row[i])[i] += 1;
            reinterpret_cast<float*>(m.row[i])[kScaleFeatures] += 0.08f;
        }
        const int all = kScaleFeatures;
        Vec solution[1][kMaxVectors];
        solve<1>(m, kScaleFeatures, 1e-3f, &all, 1, solution);
        weights = solution[0][0];
        normal.scale(decay, kScaleFeatures);
    }
};

// Twice the base-2 logarithm of v >= 0, roughly: exponent and first fraction bit. Non-negative, never NaN.
inline int half_octaves(float v) {
    v += 1;
    int32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    return (bits >> 22) - (127 << 1);
}

// A mean whose memory grows up to `limit` samples.
struct RunningMean {
    float mean;
    int32_t count;
    void add(float value, int32_t limit, const float* reciprocal) {
        mean += (value - mean) * reciprocal[count];
        if (count < limit) count++;
    }
};
