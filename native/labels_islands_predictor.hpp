// Prediction of grey levels by a blend of eight simple predictors, and what their errors say about the next.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "labels_frames.hpp"

namespace labels {

// All levels and errors are in sixteenths. What was learned in a column stays until it is learned again.
class IslandPredictor {
public:
    static constexpr int kPredictors = 8;

    IslandPredictor(size_t width, int levels) : top_(16 * (levels - 1)), columns_(width + 2 * kMargin) {}

    int predict(const Site& site) {
        const int w = site.w[-1], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1], nne = site.n[1][1];
        const int c = site.r1[2][0], cw = site.r1[2][-1], cn = site.r1[1][0], ce = site.r1[2][1], cs = site.r1[3][0];
        const int q = site.references > 1 ? site.r2[1][0] : c;
        const int planar = w + n - nw;
        const int median = std::max(std::min(w, n), std::min(std::max(w, n), planar));
        const bool known = site.references > 0;
        values_ = {16 * median,
                   6 * w + 6 * n + 3 * ne + nw,
                   16 * (2 * w + ne - nne + n) / 3,
                   known ? 8 * (2 * c + w - cw + n - cn) : 16 * w,
                   known ? 2 * (4 * c + ce + cs + w + n) : 16 * n,
                   known ? 8 * (c + q) : 16 * ne,
                   known ? 16 * (w + c - cw) : 16 * planar,
                   known ? 16 * (n + c - cn) : 8 * (w + n)};
        for (int& value : values_) value = std::clamp(value, 0, top_);
        spread_ = std::abs(w - nw) + std::abs(n - nw) + std::abs(n - ne) + (known ? std::abs(c - ce) : 0);
        at_ = site.x + kMargin;
        return predicted_ = blend();
    }

    // Absolute errors around the voxel, six times the mean.
    int expected() const {
        return 2 * std::abs(error(-1)) + 2 * std::abs(error(0)) + std::abs(error(1)) + std::abs(error(-2));
    }

    // Of the column dx to the right; from dx = 0 on, that of a row above.
    int error(int dx) const { return columns_[at_ + dx].error; }
    int spread() const { return spread_; }
    int value(int i) const { return values_[i]; }

    void learn(int level) {
        Column& column = columns_[at_];
        for (int i = 0; i < kPredictors; ++i)
            column.errors[i] = static_cast<uint16_t>((column.errors[i] + std::abs(16 * level - values_[i])) / 2);
        column.error = static_cast<int16_t>(16 * level - predicted_);
    }

private:
    static constexpr size_t kMargin = 2;
    struct Column {
        std::array<uint16_t, kPredictors> errors{};
        int16_t error = 0;
    };

    int blend() const {
        const auto &left = columns_[at_ - 1].errors, &above = columns_[at_].errors, &right = columns_[at_ + 1].errors;
        uint64_t sum = 0;
        uint32_t total = 0;
        for (int i = 0; i < kPredictors; ++i) {
            const uint32_t error = 2u * left[i] + above[i] + right[i] + 8;
            const uint32_t weight = (1u << 28) / (error * error) + 1;
            sum += uint64_t{weight} * static_cast<uint32_t>(values_[i]);
            total += weight;
        }
        return static_cast<int>((sum + total / 2) / total);
    }

    int top_;
    int predicted_ = 0, spread_ = 0;
    size_t at_ = kMargin;
    std::array<int, kPredictors> values_{};
    std::vector<Column> columns_;
};

}  // namespace labels
