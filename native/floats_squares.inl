// The arithmetic of the float coder's least squares, compiled once per instruction set (see floats_squares_*.cpp).
// Every sum has a fixed order and the inner loops are element-wise, so that all compilers and vector widths
// give the same doubles. No templates of the standard library: the linker could merge those of several sets.
#include "floats_squares.hpp"

namespace {

#define FLOATS_INLINE __attribute__((always_inline)) inline

constexpr int kBlock = floats::block_terms;
constexpr double kRidge = 1e-9, kSmallest = 1e-280, kGreatestWeight = 1e9;

template <int Blocks>
struct Squares {
    static constexpr int terms = Blocks * kBlock;

    static double predict(const double* weights, const double* x) {
        double part[kBlock] = {};
        for (int n = 0; n < terms; n += kBlock) {
            for (int k = 0; k < kBlock; ++k) part[k] += weights[n + k] * x[n + k];
        }
        return (part[0] + part[1]) + (part[2] + part[3]);
    }

    static void update(floats::Sums fast, floats::Sums slow, const double* x, double target, double importance) {
        update_from<0>(fast, slow, x, importance);
        decay_and_add<0>(fast.targets, slow.targets, fast.memory, slow.memory, importance * target, x);
    }

    static void solve(const double* products, const double* targets, double* weights) {
        double a[terms][terms], y[terms], inverse[terms];
        for (int i = 0; i < terms; ++i) {
            for (int j = 0; j < terms; ++j) a[i][j] = products[i * terms + j];
            a[i][i] += kRidge * a[i][i] + kSmallest;
            y[i] = targets[i];
        }
        for (int k = 0; k < terms; ++k) {
            if (!(a[k][k] > 0)) return;
            inverse[k] = 1 / a[k][k];
            eliminate_from<0>(a, y, k, inverse[k]);
        }
        for (int k = terms - 1; k >= 0; --k) {
            y[k] *= inverse[k];
            if (!(y[k] < kGreatestWeight && y[k] > -kGreatestWeight)) return;
            for (int i = 0; i < k; ++i) y[i] -= a[i][k] * y[k];
        }
        for (int j = 0; j < terms; ++j) weights[j] = y[j];
    }

  private:
    // From column 4 * Block on: a length that the compiler knows. Both predictors learn the same products.
    template <int Block>
    static FLOATS_INLINE void decay_and_add(double* __restrict fast, double* __restrict slow, double keep_fast,
                                            double keep_slow, double factor, const double* __restrict other) {
        for (int j = Block * kBlock; j < terms; ++j) {
            const double product = factor * other[j];
            fast[j] = keep_fast * fast[j] + product;
            slow[j] = keep_slow * slow[j] + product;
        }
    }

    template <int Block>
    static FLOATS_INLINE void update_from(floats::Sums fast, floats::Sums slow, const double* x, double importance) {
        if constexpr (Block < Blocks) {
            for (int i = Block * kBlock; i < (Block + 1) * kBlock; ++i) {
                decay_and_add<Block>(fast.products + i * terms, slow.products + i * terms, fast.memory, slow.memory,
                                     importance * x[i], x);
            }
            update_from<Block + 1>(fast, slow, x, importance);
        }
    }

    template <int Block>
    static FLOATS_INLINE void eliminate_from(double (*a)[terms], double* y, int k, double inverse) {
        if constexpr (Block < Blocks) {
            for (int i = Block * kBlock; i < (Block + 1) * kBlock; ++i) {
                if (i <= k) continue;
                const double factor = a[k][i] * inverse;
                for (int j = Block * kBlock; j < terms; ++j) a[i][j] -= factor * a[k][j];
                y[i] -= factor * y[k];
            }
            eliminate_from<Block + 1>(a, y, k, inverse);
        }
    }
};

template <int Blocks>
constexpr floats::SquaresKernel kernel_of() {
    return {Squares<Blocks>::predict, Squares<Blocks>::update, Squares<Blocks>::solve};
}

constexpr floats::SquaresKernels kKernels = {{{}, {}, {}, kernel_of<3>(), {}, kernel_of<5>(), kernel_of<6>()}};

}  // namespace
