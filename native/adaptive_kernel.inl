// The adaptive coder's kernel, compiled once per instruction set (see adaptive_*.cpp).
//
// Determinism: IEEE single-precision +, -, x, / in a fixed order, no fused multiply-add, no libm. Vectors are
// 16 lanes wide whatever the processor has; lanes never mix except in `sum_lanes`, which is a fixed tree.
#include "adaptive.hpp"
#include "range_coder.hpp"
#include "vector16.hpp"

#include <cstring>

namespace {

using medcodec::AdaptiveGroup;
using medcodec::AdaptivePreset;

#include "adaptive_taps.inl"
#include "adaptive_least_squares.inl"
#include "adaptive_scale.inl"
#include "adaptive_distribution.inl"
#include "adaptive_frames.inl"
#include "adaptive_coder.inl"

}  // namespace
