// The fast coder's kernel, compiled once per instruction set (see fast_*.cpp).
//
// Determinism: integers, and IEEE single-precision +, -, x, / in a fixed order, no fused multiply-add, no libm.
// Vectors of floats are 16 lanes wide whatever the processor has, and their lanes never mix. The vector paths
// that are written out (fast_dots.inl, fast_histograms.inl) work on integers, whose sums have no order.
#include "fast.hpp"
#include "vector16.hpp"

#include <cstring>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

using medcodec::ByteBuffer;
using medcodec::FastGroup;

#include "fast_wide.inl"
#include "fast_taps.inl"
#include "fast_dots.inl"
#include "fast_predictors.inl"
#include "fast_histograms.inl"
#include "fast_streams.inl"
#include "fast_frames.inl"
#include "fast_rows.inl"
#include "fast_tiles.inl"
#include "fast_coder.inl"

}  // namespace
