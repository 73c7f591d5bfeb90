// What every processor of the architecture has: SSE2 on x86-64, else vectors as the compiler makes them.
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstdint>
#include <cstring>

namespace {

constexpr int kLanes = 4, kVectors = 2;
constexpr bool kBytes = false;
typedef int32_t Vec __attribute__((vector_size(16)));
struct Pixels {
    Vec even, odd;  // pairs of 16 bits
};

inline Pixels pixels_at(const uint8_t* place) {
    typedef uint32_t Unsigned __attribute__((vector_size(16)));
    Unsigned all;
    std::memcpy(&all, place, sizeof(all));
    return {(Vec)(all & 0x00FF00FFu), (Vec)((all >> 8) & 0x00FF00FFu)};
}

// The sum of the products of two pairs of 16 bits in each lane.
inline Vec dot(Vec a, Vec b) {
#ifdef __SSE2__
    return (Vec)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    typedef uint32_t Unsigned __attribute__((vector_size(16)));
    return ((Vec)((Unsigned)a << 16) >> 16) * ((Vec)((Unsigned)b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

template <int kCount, int kOutputs>
inline void add_products(Vec (&sums)[kCount][kOutputs], int o, const Pixels (&pixels)[kCount], const uint8_t* weights) {
    int32_t pairs[2];
    std::memcpy(pairs, weights + 8 * o, 8);
    const Vec even = Vec{} + pairs[0], odd = Vec{} + pairs[1];
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++) sums[v][o] += dot(pixels[v].even, even) + dot(pixels[v].odd, odd);
}

}  // namespace

#include "network_kernel.inl"

const medcodec::NetworkKernel medcodec::kNetworkBaseline = {kBytes, run_layer, pack_row};
