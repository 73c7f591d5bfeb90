// Two least-squares predictors, one that adapts fast and one with a long memory, blended by their recent errors.
#pragma once
#include <cstdint>
#include <vector>

#include "floats_field.hpp"
#include "floats_predictor.hpp"

namespace floats {

template <int Blocks>
class Blend {
public:
    Blend(int64_t width, const SquaresKernels& kernels)
        : kernel_(kernels.of[Blocks]), fast_(static_cast<size_t>((width + fast_band - 1) / fast_band)),
          slow_(static_cast<size_t>((width + slow_band - 1) / slow_band)),
          fast_errors_(static_cast<size_t>(width + 2 * margin)), slow_errors_(fast_errors_) {}

    double predict(const Around& around, int64_t x) {
        gather<Blocks>(around, terms_);
        const double west = around.here[-1];
        from_fast_ = west + fast_[x / fast_band].predict(kernel_, terms_);
        from_slow_ = west + slow_[x / slow_band].predict(kernel_, terms_);
        const double fast = recent(fast_errors_, x), slow = recent(slow_errors_, x);
        const double fast_share = slow * slow + tiny, slow_share = fast * fast + tiny;
        const double prediction = (from_fast_ * fast_share + from_slow_ * slow_share) / (fast_share + slow_share);
        return prediction < limit && prediction > -limit ? prediction : west;
    }

    // `local` is the error that was to be expected here.
    void learn(double value, double west, double error, double local, int64_t x) {
        fast_errors_[x + margin] = clipped_square(value - from_fast_);
        slow_errors_[x + margin] = clipped_square(value - from_slow_);
        const double scale = local + average_ * 0.5 + 1e-60;
        average_ += (error - average_) * (1.0 / 256);
        const double importance = 1 / (scale * scale);
        LeastSquares<Blocks>&fast = fast_[x / fast_band], &slow = slow_[x / slow_band];
        kernel_.update(fast.sums(0.97), slow.sums(0.999), terms_, value - west, importance);
        if (x % solve_every == solve_every - 1) {
            fast.solve(kernel_);
            if (x % (2 * solve_every) == solve_every - 1) slow.solve(kernel_);
        }
    }

private:
    static constexpr int fast_band = 16, slow_band = 32, solve_every = 16, margin = 2;
    static constexpr double limit = 1e60, tiny = 1e-200;

    // Keeps later squares and products finite.
    static double clipped_square(double error) {
        const double square = error * error;
        return square < 1e140 ? square : 1e140;
    }

    // Squared errors of this row to the left and of the row above to the right.
    static double recent(const std::vector<double>& errors, int64_t x) {
        const double* e = errors.data() + x + margin;
        return e[-1] + 0.5 * e[-2] + e[0] + e[1] + 0.5 * e[2];
    }

    const SquaresKernel& kernel_;
    std::vector<LeastSquares<Blocks>> fast_, slow_;
    std::vector<double> fast_errors_, slow_errors_;
    double terms_[LeastSquares<Blocks>::terms] = {};
    double from_fast_ = 0, from_slow_ = 0, average_ = 0;
};

}  // namespace floats
