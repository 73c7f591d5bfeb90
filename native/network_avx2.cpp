// Bytes are widened to 16 bits: the products of bytes that AVX2 has would saturate.
#ifdef MEDCODEC_X86
#include <immintrin.h>

#include <cstdint>

namespace {

constexpr int kLanes = 8, kVectors = 2;
constexpr bool kBytes = false;
typedef int32_t Vec __attribute__((vector_size(32)));
struct Pixels {
    __m256i even, odd;
};

inline Pixels pixels_at(const uint8_t* place) {
    const __m256i all = _mm256_loadu_si256((const __m256i*)place);
    return {_mm256_and_si256(all, _mm256_set1_epi16(255)), _mm256_srli_epi16(all, 8)};
}

// From memory to all lanes in one instruction: integers would go through general registers.
inline __m256i broadcast(const uint8_t* place) {
    return _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(place)));
}

template <int kCount, int kOutputs>
inline void add_products(Vec (&sums)[kCount][kOutputs], int o, const Pixels (&pixels)[kCount], const uint8_t* weights) {
    const __m256i even = broadcast(weights + 8 * o), odd = broadcast(weights + 8 * o + 4);
#pragma GCC unroll 8
    for (int v = 0; v < kCount; v++) {
        sums[v][o] += (Vec)_mm256_madd_epi16(pixels[v].even, even);
        sums[v][o] += (Vec)_mm256_madd_epi16(pixels[v].odd, odd);
    }
}

}  // namespace

#include "network_kernel.inl"

const medcodec::NetworkKernel medcodec::kNetworkAvx2 = {kBytes, run_layer, pack_row};
#endif
