// Online weighted least squares over causal neighbours.
#pragma once
#include "floats_squares.hpp"

namespace floats {

// Sums of products, targets and the solution of one predictor with 4 * Blocks neighbours. Columns left of the
// diagonal's block are not kept.
template <int Blocks>
class LeastSquares {
public:
    static constexpr int terms = Blocks * block_terms;

    // Sum of weights times neighbours.
    double predict(const SquaresKernel& kernel, const double* x) const { return kernel.predict(weights_, x); }
    // Of samples, forgotten by `memory` per sample.
    Sums sums(double memory) { return {products_, targets_, memory}; }
    void solve(const SquaresKernel& kernel) { kernel.solve(products_, targets_, weights_); }

private:
    alignas(64) double products_[terms * terms] = {};
    double targets_[terms] = {};
    double weights_[terms] = {};
};

}  // namespace floats
