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

    static void update(double* products, double* targets, const double* x, double target, double importance, double memory) {
        update_from<0>(products, x, importance, memory);
        decay_and_add<0>(targets, memory, importance * target, x);
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
    // From column 4 * Block on: a length that the compiler knows.
    template <int Block>
    static FLOATS_INLINE void decay_and_add(double* row, double keep, double factor, const double* other) {
        for (int j = Block * kBlock; j < terms; ++j) row[j] = keep * row[j] + factor * other[j];
    }

    template <int Block>
    static FLOATS_INLINE void update_from(double* products, const double* x, double importance, double memory) {
        if constexpr (Block < Blocks) {
            for (int i = Block * kBlock; i < (Block + 1) * kBlock; ++i) {
                decay_and_add<Block>(products + i * terms, memory, importance * x[i], x);
            }
            update_from<Block + 1>(products, x, importance, memory);
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
