// The arithmetic of least squares with 4 * blocks neighbours, for the best instruction set of this processor.
#pragma once

namespace floats {

constexpr int block_terms = 4;
constexpr int most_blocks = 6;

struct SquaresKernel {
    double (*predict)(const double* weights, const double* x);
    // Forgets by `memory` per sample.
    void (*update)(double* products, double* targets, const double* x, double target, double importance, double memory);
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
