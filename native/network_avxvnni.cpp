// As with AVX-512, but for the processors that have these products in 256 bits only.
#ifdef MEDCODEC_X86
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr int kLanes = 8, kVectors = 3;
constexpr bool kBytes = true;
typedef int32_t Vec __attribute__((vector_size(32)));
typedef __m256i Pixels;

inline Pixels pixels_at(const uint8_t* place) { return _mm256_loadu_si256((const __m256i*)place); }

template <int kCount, int kOutputs>
inline void add_products(Vec (&sums)[kCount][kOutputs], int o, const Pixels (&pixels)[kCount], const uint8_t* weights) {
    int32_t four;
    std::memcpy(&four, weights + 4 * o, 4);
    const __m256i weight = _mm256_set1_epi32(four);
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++)
        sums[v][o] = (Vec)_mm256_dpbusd_avx_epi32((__m256i)sums[v][o], pixels[v], weight);
}

}  // namespace

#include "network_kernel.inl"

const medcodec::NetworkKernel medcodec::kNetworkAvxVnni = {kBytes, run_layer, pack_row};
#endif
