// Online weighted least squares over causal neighbours.
// Every sum has a fixed order and the inner loops are element-wise, so that all compilers and vector widths
// give the same doubles.
#pragma once
#include <cmath>

#if defined(__GNUC__)
#define FLOATS_INLINE __attribute__((always_inline)) inline
#else
#define FLOATS_INLINE inline
#endif

namespace floats {

constexpr int block_terms = 4;

// Sums of products, targets and the solution of one predictor with 4 * Blocks neighbours. Columns left of the
// diagonal's block are not kept.
template <int Blocks>
class LeastSquares {
public:
    static constexpr int terms = Blocks * block_terms;

    // Sum of weights times neighbours.
    double predict(const double* x) const {
        double part[block_terms] = {};
        for (int n = 0; n < terms; n += block_terms) {
            for (int k = 0; k < block_terms; ++k) part[k] += weights_[n + k] * x[n + k];
        }
        return (part[0] + part[1]) + (part[2] + part[3]);
    }

    // Forgets by `memory` per sample.
    void update(const double* x, double target, double importance, double memory) {
        update_from<0>(x, importance, memory);
        decay_and_add<0>(targets_, memory, importance * target, x);
    }

    // LDL' with a small ridge; keeps the old weights where the matrix is singular.
    void solve() {
        double a[terms][terms], y[terms], inverse[terms];
        for (int i = 0; i < terms; ++i) {
            for (int j = 0; j < terms; ++j) a[i][j] = products_[i][j];
            a[i][i] += ridge * a[i][i] + smallest;
            y[i] = targets_[i];
        }
        for (int k = 0; k < terms; ++k) {
            if (!(a[k][k] > 0)) return;
            inverse[k] = 1 / a[k][k];
            eliminate_from<0>(a, y, k, inverse[k]);
        }
        for (int k = terms - 1; k >= 0; --k) {
            y[k] *= inverse[k];
            if (!(std::fabs(y[k]) < greatest_weight)) return;
            for (int i = 0; i < k; ++i) y[i] -= a[i][k] * y[k];
        }
        for (int j = 0; j < terms; ++j) weights_[j] = y[j];
    }

private:
    static constexpr double ridge = 1e-9, smallest = 1e-280, greatest_weight = 1e9;

    // From column 4 * Block on: a length that the compiler knows.
    template <int Block>
    static FLOATS_INLINE void decay_and_add(double* row, double keep, double factor, const double* other) {
        for (int j = Block * block_terms; j < terms; ++j) row[j] = keep * row[j] + factor * other[j];
    }

    template <int Block>
    FLOATS_INLINE void update_from(const double* x, double importance, double memory) {
        if constexpr (Block < Blocks) {
            for (int i = Block * block_terms; i < (Block + 1) * block_terms; ++i) {
                decay_and_add<Block>(products_[i], memory, importance * x[i], x);
            }
            update_from<Block + 1>(x, importance, memory);
        }
    }

    template <int Block>
    static FLOATS_INLINE void eliminate_from(double (*a)[terms], double* y, int k, double inverse) {
        if constexpr (Block < Blocks) {
            for (int i = Block * block_terms; i < (Block + 1) * block_terms; ++i) {
                if (i <= k) continue;
                const double factor = a[k][i] * inverse;
                for (int j = Block * block_terms; j < terms; ++j) a[i][j] -= factor * a[k][j];
                y[i] -= factor * y[k];
            }
            eliminate_from<Block + 1>(a, y, k, inverse);
        }
    }

    double products_[terms][terms] = {};
    double targets_[terms] = {};
    double weights_[terms] = {};
};

}  // namespace floats
