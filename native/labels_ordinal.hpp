// Prediction of a level from its neighbours, for images whose levels are an order and not just names.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "labels_frames.hpp"

namespace labels {

class LevelPredictor {
public:
    static constexpr int kPredictors = 6;
    static constexpr int kScale = 16;  // predictions are in sixteenths of a level

    LevelPredictor(size_t width, int levels) : top_((levels - 1) * kScale), errors_(width + 2) {}

    // Blends the predictors by their squared errors to the left and above; the result is in 0..top.
    int predict(const Site& site) {
        const int w = site.w[-1], n = site.n[0][0], nw = site.n[0][-1], ne = site.n[0][1];
        const int c = site.r1[2][0], cw = site.r1[2][-1], cn = site.r1[1][0], ce = site.r1[2][1], cs = site.r1[3][0];
        const int planar = w + n - nw;
        const int median = std::max(std::min(w, n), std::min(std::max(w, n), planar));
        const int q = site.references > 1 ? site.r2[1][0] : c;
        const int raw[kPredictors] = {median * kScale,
                                      (w * 6 + n * 6 + ne * 3 + nw) * kScale / 16,
                                      (2 * w + ne - site.n[1][1] + n) * kScale / 3,
                                      site.references ? (2 * c + w - cw + n - cn) * kScale / 2 : w * kScale,
                                      site.references ? (4 * c + ce + cs + w + n) * kScale / 8 : n * kScale,
                                      site.references ? (c + q) * kScale / 2 : ne * kScale};
        const auto& left = errors_[site.x];
        const auto& above = errors_[site.x + 1];
        const auto& right = errors_[site.x + 2];
        int64_t sum = 0, total = 0;
        for (int i = 0; i < kPredictors; ++i) {
            predictions_[i] = std::clamp(raw[i], 0, top_);
            const int64_t error = 2 * left[i] + above[i] + right[i] + 8;
            const int64_t weight = (int64_t{1} << 30) / (error * error);
            sum += weight * predictions_[i];
            total += weight;
        }
        column_ = site.x + 1;
        spread_ = std::abs(w - nw) + std::abs(n - nw) + std::abs(n - ne) + (site.references ? std::abs(c - ce) : 0);
        return total > 0 ? static_cast<int>((sum + total / 2) / total) : predictions_[0];
    }

    int spread() const { return spread_; }
    int prediction(int i) const { return predictions_[i]; }

    void learn(uint8_t label) {
        for (int i = 0; i < kPredictors; ++i)
            errors_[column_][i] = (errors_[column_][i] + 3 * std::abs(label * kScale - predictions_[i])) / 4;
    }

private:
    int top_;
    int spread_ = 0;
    size_t column_ = 1;
    std::array<int, kPredictors> predictions_{};
    std::vector<std::array<int, kPredictors>> errors_;
};

}  // namespace labels
