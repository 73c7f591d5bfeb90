// Wavelet transforms by integer lifting: every step can be undone exactly, so both are reversible.
#pragma once
#include <cstddef>
#include <cstdint>

namespace medcodec {

enum class Wavelet { kReversible53, kCdf97 };

// Transform `plane` (height x width, rows contiguous) in place over `levels` dyadic levels. The subbands lie as
// usual: the low band of each level in the upper left ceil(height / 2) x ceil(width / 2) of the level before.
void lift_forward(int32_t* plane, size_t height, size_t width, int levels, Wavelet wavelet);

// Undo all but the `skip` finest levels; the picture of reduced size lies in the upper left.
void lift_inverse(int32_t* plane, size_t height, size_t width, int levels, int skip, Wavelet wavelet);

// Put the transpose of one level of the inverse 9/7 in the place of `plane`, a picture: how much of each coefficient's
// picture there is in it, times that picture's squared length.
void lift_transposed(int32_t* plane, size_t height, size_t width);

}  // namespace medcodec
