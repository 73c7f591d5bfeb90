#include "floats_squares.inl"

const floats::SquaresKernels floats::squares_baseline = kKernels;
