// The SSE2 path: every x86-64 processor has it.
#include "blocks_generic.hpp"

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>

namespace {

struct V {
    using Reg = __m128i;
    static constexpr int kLanes = 8;

    static Reg load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
    static void store(void* p, Reg r) { _mm_storeu_si128(static_cast<__m128i*>(p), r); }
    static Reg zero() { return _mm_setzero_si128(); }
    static Reg set16(std::int16_t v) { return _mm_set1_epi16(v); }
    static Reg set32(std::int32_t v) { return _mm_set1_epi32(v); }
    static Reg add16(Reg a, Reg b) { return _mm_add_epi16(a, b); }
    static Reg sub16(Reg a, Reg b) { return _mm_sub_epi16(a, b); }
    static Reg adds16(Reg a, Reg b) { return _mm_adds_epi16(a, b); }
    static Reg subs16(Reg a, Reg b) { return _mm_subs_epi16(a, b); }
    static Reg min16(Reg a, Reg b) { return _mm_min_epi16(a, b); }
    static Reg max16(Reg a, Reg b) { return _mm_max_epi16(a, b); }
    static Reg sign16(Reg a) { return _mm_srai_epi16(a, 15); }
    static Reg shift_right16(Reg a, int count) { return _mm_srl_epi16(a, _mm_cvtsi32_si128(count)); }
    static Reg equal16(Reg a, Reg b) { return _mm_cmpeq_epi16(a, b); }
    static Reg bit_and(Reg a, Reg b) { return _mm_and_si128(a, b); }
    static Reg bit_xor(Reg a, Reg b) { return _mm_xor_si128(a, b); }
    static Reg select(Reg mask, Reg yes, Reg no) {
        return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
    }
    static Reg unpack_low(Reg a, Reg b) { return _mm_unpacklo_epi16(a, b); }
    static Reg unpack_high(Reg a, Reg b) { return _mm_unpackhi_epi16(a, b); }
    static Reg madd(Reg a, Reg b) { return _mm_madd_epi16(a, b); }
    static Reg add32(Reg a, Reg b) { return _mm_add_epi32(a, b); }
    template <int kCount>
    static Reg shift_right32(Reg a) {
        return _mm_srai_epi32(a, kCount);
    }
    static Reg pack32(Reg a, Reg b) { return _mm_packs_epi32(a, b); }
    static void store_unpacked(std::int32_t* p, Reg low, Reg high) {
        store(p, low);
        store(p + 4, high);
    }
    static std::int32_t sum32(Reg a) {
        a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4e));
        a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1));
        return _mm_cvtsi128_si32(a);
    }
    static void store_bytes(std::uint8_t* p, Reg r) {
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(r, r));
    }
    // Upper bits of the values as floats: exponent and first bits of the mantissa.
    template <int kShift>
    static Reg float_bits(Reg a, int origin) {
        const Reg low = _mm_castps_si128(_mm_cvtepi32_ps(_mm_unpacklo_epi16(a, zero())));
        const Reg high = _mm_castps_si128(_mm_cvtepi32_ps(_mm_unpackhi_epi16(a, zero())));
        return _mm_packs_epi32(_mm_sub_epi32(_mm_srli_epi32(low, kShift), set32(origin)),
                               _mm_sub_epi32(_mm_srli_epi32(high, kShift), set32(origin)));
    }
    static Reg level(Reg sum) { return max16(float_bits<22>(sum, 253), zero()); }
    static Reg token(Reg zigzag) { return float_bits<21>(zigzag, 508); }
};

}  // namespace

#include "blocks_vector.hpp"

namespace medcodec::blocks {
namespace {

void expand(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw,
            std::int16_t* residuals, std::uint16_t* magnitudes) {
    RawBits local = raw;
    std::ptrdiff_t i = 0;
    for (; i + V::kLanes <= count; i += V::kLanes) {
        const Reg token = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(tokens + i));
        const Reg large = _mm_and_si128(token, _mm_set1_epi8(-kDirectTokens));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(large, V::zero())) == 0xffff)
            put_residuals(_mm_unpacklo_epi8(token, V::zero()), magnitude_shift, residuals + i, magnitudes + i);
        else
            expand_few(tokens + i, V::kLanes, magnitude_shift, local, residuals + i, magnitudes + i);
    }
    if (i < count) expand_few(tokens + i, count - i, magnitude_shift, local, residuals + i, magnitudes + i);
    clear_after(magnitudes, count);
    raw = local;
}

constexpr Kernels kSse2 = {"sse2",   choose_block,           tap_sums, covariance, even_levels, odd_levels,
                           tokenise, generic::decode_tokens, expand,       nullptr};

}  // namespace

const Kernels* sse2_kernels() {
    return &kSse2;
}

}  // namespace medcodec::blocks

#else

namespace medcodec::blocks {
const Kernels* sse2_kernels() {
    return nullptr;
}
}  // namespace medcodec::blocks

#endif
