// The arithmetic of least squares with 4 * blocks neighbours, for the best instruction set of this processor.
#pragma once

namespace floats {

constexpr int block_terms = 4;
constexpr int most_blocks = 6;

// What one predictor has learned, forgotten by `memory` per sample.
struct Sums {
    double *products, *targets;
    double memory;
};

struct SquaresKernel {
    double (*predict)(const double* weights, const double* x);
    // Both forget, and learn one sample.
    void (*update)(Sums fast, Sums slow, const double* x, double target, double importance);
    // LDL' with a small ridge; keeps the old weights where the matrix is singular.
    void (*solve)(const double* products, const double* targets, double* weights);
};

// By the number of blocks: 3, 5 or 6.
struct SquaresKernels {
    SquaresKernel of[most_blocks + 1];
};

extern const SquaresKernels squares_baseline;
#ifdef MEDCODEC_X86
extern const SquaresKernels squares_avx2;
#endif

// "auto", "baseline" or "avx2"; null if this processor or build does not have it.
const SquaresKernels* squares_kernels(const char* path);

}  // namespace floats
