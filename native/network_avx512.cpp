// Products of unsigned and signed bytes, summed by fours into 32 bits without saturation (VNNI).
#ifdef MEDCODEC_X86
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr int kLanes = 16, kVectors = 6;
constexpr bool kBytes = true;
typedef int32_t Vec __attribute__((vector_size(64)));
typedef __m512i Pixels;

inline Pixels pixels_at(const uint8_t* place) { return _mm512_loadu_si512(place); }

template <int kCount, int kOutputs>
inline void add_products(Vec (&sums)[kCount][kOutputs], int o, const Pixels (&pixels)[kCount], const uint8_t* weights) {
    int32_t four;
    std::memcpy(&four, weights + 4 * o, 4);
    const __m512i weight = _mm512_set1_epi32(four);
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++) sums[v][o] = (Vec)_mm512_dpbusd_epi32((__m512i)sums[v][o], pixels[v], weight);
}

}  // namespace

#include "network_kernel.inl"

const medcodec::NetworkKernel medcodec::kNetworkAvx512 = {kBytes, run_layer, pack_row};
#endif
