// Least squares per group of blocks (k-means with linear predictors as centres). Doubles are used in a fixed
// order, without fused multiply-add, so that every machine trains the same weights.
#include "blocks_train.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "blocks_generic.hpp"

namespace medcodec::blocks {
namespace {

constexpr int kPixels = kBlock * kBlock;
constexpr int kFeatures = kTaps;  // differences of 15 taps to N, and of the voxel itself
constexpr int kProducts = kFeatures * (kFeatures + 1) / 2;
constexpr int kSampleStep = 12;    // one block in so many is trained on
constexpr int kSampleLeast = 128;  // fewer blocks than this are all trained on
constexpr int kRounds = 4;
constexpr int kFeatureBits = 11;  // features are scaled to fit, so that sums of products fit int32

// A tap's place among the features; N is the origin and has none.
constexpr int kFeatureTap[kFeatures - 1] = {kW,  kWW, kNW,  kNE,  kNN,  kP,   kPW, kPE,
                                            kPN, kPS, kPNW, kPNE, kPSW, kPSE, kQ};

int feature_count(int frame_class) {  // with the target, which comes last
    return frame_class == kIntra ? 6 : frame_class == kBoth ? 16 : 15;
}

struct Sample {
    float products[kProducts];  // upper triangle
    float weight;               // inverse of the block's error: costs are logarithmic
    int group;
};

struct ClassSamples {
    int features;
    std::vector<Sample> samples;
    int products() const { return features * (features + 1) / 2; }
};

template <class T>
class Collector {
  public:
    Collector(const Planes<T>& planes, const Kernels& kernels, std::uint32_t span)
        : halve_(span > static_cast<std::uint32_t>(std::numeric_limits<T>::max())),
          planes_(planes),
          kernels_(kernels) {}

    void add(std::int64_t s, std::int64_t f, std::int64_t y, std::int64_t x, ClassSamples& out) {
        const std::int64_t rows = std::min<std::int64_t>(kBlock, planes_.shape().height - y);
        const std::int64_t columns = std::min<std::int64_t>(kBlock, planes_.shape().width - x);
        gather(s, f, y, x, static_cast<int>(rows), static_cast<int>(columns), out.features);
        if (!scale(out.features)) return;
        std::int32_t products[kProducts];
        kernels_.covariance(features_, out.features, products);
        if (products[out.products() - 1] == 0) return;
        Sample sample{};
        for (int i = 0; i < out.products(); ++i) sample.products[i] = static_cast<float>(products[i]);
        out.samples.push_back(sample);
    }

  private:
    void gather(std::int64_t s, std::int64_t f, std::int64_t y, std::int64_t x, int rows, int columns, int count) {
        if (rows < kBlock || columns < kBlock) std::memset(wide_, 0, sizeof wide_);
        for (int j = 0; j < rows; ++j) {
            const RowTaps<T> row = planes_.taps(s, f, y + j);
            const T* n = row.tap[kN] + x;
            for (int i = 0; i < count - 1; ++i)
                subtract(row.tap[kFeatureTap[i]] + x, n, columns, wide_ + i * kPixels + j * kBlock);
            subtract(planes_.row(s, f, y + j) + x, n, columns, wide_ + (count - 1) * kPixels + j * kBlock);
        }
    }
    void subtract(const T* a, const T* b, int columns, T* out) const {
        using U = typename generic::Arithmetic<T>::Unsigned;
        for (int i = 0; i < columns; ++i)
            out[i] = static_cast<T>(static_cast<U>(static_cast<U>(a[i] >> halve_) - static_cast<U>(b[i] >> halve_)));
    }
    // Shifts features to kFeatureBits; false if they are all zero.
    bool scale(int count) {
        T all = 0;
        for (int p = 0; p < count * kPixels; ++p) all = static_cast<T>(all | (wide_[p] ^ (wide_[p] < 0 ? -1 : 0)));
        bool any = all != 0;
        for (int p = 0; p < count * kPixels && !any; ++p) any = wide_[p] != 0;
        if (!any) return false;
        int shift = 0;
        while (all >> shift >> kFeatureBits) ++shift;
        for (int p = 0; p < count * kPixels; ++p) features_[p] = static_cast<std::int16_t>(wide_[p] >> shift);
        return true;
    }

    int halve_;  // 1 where differences of voxels might not fit T
    const Planes<T>& planes_;
    const Kernels& kernels_;
    T wide_[kFeatures * kPixels];
    std::int16_t features_[kFeatures * kPixels];
};

// Which blocks are sampled: scattered by a hash, and the more the fewer there are.
class Turns {
  public:
    Turns(const Shape& shape, std::int64_t per_frame) {
        const std::int64_t s = shape.sequences - 1, f = shape.frames - 1;
        const std::int64_t frames[kFrameClasses] = {1, f, s, s * f};
        for (int c = 0; c < kFrameClasses; ++c) {
            const std::int64_t blocks = frames[c] * per_frame;
            const std::int64_t step = std::min<std::int64_t>(kSampleStep, blocks / kSampleLeast + 1);
            limit_[c] = static_cast<std::uint32_t>(0xffffffffu / static_cast<std::uint32_t>(step));
        }
    }
    bool sampled(int frame_class, std::uint32_t turn) const { return turn * 2654435761u <= limit_[frame_class]; }

  private:
    std::uint32_t limit_[kFrameClasses];
};

template <class T>
void collect(const Planes<T>& planes, const Load& load, const Kernels& kernels, std::uint32_t span,
             ClassSamples* classes) {
    const Shape& shape = planes.shape();
    Collector<T> collector(planes, kernels, span);
    const std::int64_t per_frame = ((shape.height + kBlock - 1) / kBlock) * ((shape.width + kBlock - 1) / kBlock);
    const Turns turns(shape, per_frame);
    std::uint32_t turn = 0;
    for (std::int64_t s = 0; s < shape.sequences; ++s) {
        for (std::int64_t f = 0; f < shape.frames; ++f) {
            load(s, f);
            const int cls = frame_class(s, f);
            // Row 0 of a frame without reference has nothing above it.
            for (std::int64_t y = cls == kIntra; y < shape.height; y += kBlock)
                for (std::int64_t x = 0; x < shape.width; x += kBlock)
                    if (turns.sampled(cls, turn++)) collector.add(s, f, y, x, classes[cls]);
        }
    }
}

// q' C q for q = (-weights, 1), as a scalar product; eight partial sums in a fixed order.
float quadratic(const float* products, const float* outer, int count) {
    float partial[8] = {};
    int i = 0;
    for (; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; ++j) partial[j] += products[i + j] * outer[i + j];
    for (; i < count; ++i) partial[0] += products[i] * outer[i];
    const float low = (partial[0] + partial[1]) + (partial[2] + partial[3]);
    return low + ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

void outer_product(const double* weights, int features, float* outer) {
    double q[kFeatures];
    for (int i = 0; i < features - 1; ++i) q[i] = -weights[i];
    q[features - 1] = 1.0;
    for (int i = 0; i < features; ++i)
        for (int j = i; j < features; ++j) *outer++ = static_cast<float>(q[i] * q[j] * (i == j ? 1.0 : 2.0));
}

// Solves the normal equations (upper triangle, target last) by Cholesky; false if they are singular.
bool solve(const double* products, int features, double* weights) {
    const int n = features - 1;
    double a[kFeatures][kFeatures];
    double trace = 0.0;
    for (int i = 0; i < features; ++i)
        for (int j = i; j < features; ++j) a[i][j] = *products++;
    for (int i = 0; i < n; ++i) trace += a[i][i];
    for (int i = 0; i < n; ++i) a[i][i] += trace * 1e-6 + 1e-9;
    for (int k = 0; k < n; ++k) {
        if (!(a[k][k] > 0.0)) return false;
        const double root = std::sqrt(a[k][k]);
        for (int j = k; j < features; ++j) a[k][j] /= root;
        for (int i = k + 1; i < n; ++i)
            for (int j = i; j < features; ++j) a[i][j] -= a[k][i] * a[k][j];
    }
    for (int i = n - 1; i >= 0; --i) {
        double sum = a[i][n];
        for (int j = i + 1; j < n; ++j) sum -= a[i][j] * weights[j];
        weights[i] = sum / a[i][i];
    }
    return true;
}

class Groups {
  public:
    Groups(ClassSamples& samples, int count) : in_(samples), count_(count) {
        double start[kFeatures] = {0.5};  // (W + N) / 2
        float outer[kProducts];
        outer_product(start, in_.features, outer);
        std::vector<std::pair<float, int>> order;
        for (std::size_t i = 0; i < in_.samples.size(); ++i)
            order.emplace_back(error(in_.samples[i], outer), static_cast<int>(i));
        std::sort(order.begin(), order.end());
        for (std::size_t i = 0; i < order.size(); ++i) {
            Sample& sample = in_.samples[static_cast<std::size_t>(order[i].second)];
            sample.group = static_cast<int>(i * static_cast<std::size_t>(count_) / order.size());
            sample.weight = 1.0f / (order[i].first / kPixels + 0.25f);
        }
    }

    void improve() {
        for (int round = 0; round <= kRounds; ++round) {
            if (round) assign();
            for (int g = 0; g < count_; ++g) fit(g);
        }
    }

    const double* weights(int group) const { return weights_[group]; }

  private:
    float error(const Sample& sample, const float* outer) const {
        return std::max(0.0f, quadratic(sample.products, outer, in_.products()));
    }
    void assign() {
        float outer[kMaxPredictors][kProducts];
        for (int g = 0; g < count_; ++g) outer_product(weights_[g], in_.features, outer[g]);
        for (Sample& sample : in_.samples) {
            float least = 0.0f;
            for (int g = 0; g < count_; ++g) {
                const float e = error(sample, outer[g]);
                if (g && !(e < least)) continue;
                least = e;
                sample.group = g;
            }
            sample.weight = 1.0f / (least / kPixels + 0.25f);
        }
    }
    void fit(int group) {
        double sum[kProducts] = {};
        const int products = in_.products();
        for (const Sample& sample : in_.samples) {
            if (sample.group != group) continue;
            for (int i = 0; i < products; ++i) sum[i] += static_cast<double>(sample.products[i] * sample.weight);
        }
        double solved[kFeatures];
        if (!solve(sum, in_.features, solved)) return;
        std::copy(solved, solved + in_.features - 1, weights_[group]);
    }

    ClassSamples& in_;
    int count_;
    double weights_[kMaxPredictors][kFeatures] = {};
};

// Integer weights that add up to one; W + N - NW, or N alone, where the solution cannot be represented.
void quantise(const double* weights, int features, std::int32_t* out) {
    const double one = 1 << kWeightBits;
    std::fill(out, out + kTaps, 0);
    std::int64_t absolute = 0;
    out[kN] = 1 << kWeightBits;
    for (int i = 0; i < features - 1; ++i) {
        if (!(std::fabs(weights[i]) < 7.0))
            absolute = kMaxWeightSum;
        else
            out[kFeatureTap[i]] = static_cast<std::int32_t>(std::floor(weights[i] * one + 0.5));
        out[kN] -= out[kFeatureTap[i]];
        absolute += std::abs(out[kFeatureTap[i]]);
    }
    absolute += std::abs(out[kN]);
    if (absolute < kMaxWeightSum && std::abs(out[kN]) < 32768) return;
    std::fill(out, out + kTaps, 0);
    out[kN] = 1 << kWeightBits;
}

int predictor_count(std::size_t samples) {
    if (samples == 0) return 0;
    if (samples < 12) return 1;
    if (samples < 32) return 2;
    return samples < 200 ? 4 : 6;
}

}  // namespace

template <class T>
Predictors train(const Planes<T>& planes, const Load& load, const Kernels& kernels, std::uint32_t span) {
    ClassSamples classes[kFrameClasses];
    for (int c = 0; c < kFrameClasses; ++c) classes[c].features = feature_count(c);
    collect(planes, load, kernels, span, classes);
    Predictors result;
    for (int c = 0; c < kFrameClasses; ++c) {
        result.count[c] = predictor_count(classes[c].samples.size());
        if (!result.count[c]) continue;
        Groups groups(classes[c], result.count[c]);
        groups.improve();
        for (int g = 0; g < result.count[c]; ++g)
            quantise(groups.weights(g), classes[c].features, result.weights[c][g]);
    }
    return result;
}

template Predictors train(const Planes<std::int16_t>&, const Load&, const Kernels&, std::uint32_t);
template Predictors train(const Planes<std::int32_t>&, const Load&, const Kernels&, std::uint32_t);

}  // namespace medcodec::blocks
