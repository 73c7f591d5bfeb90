// The AVX2 path, used where the processor has it. Only what stands between the pragmas, all of it local to this
// file, is compiled for AVX2: nothing that the linker could choose for another file.
#include "blocks_generic.hpp"

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(_MSC_VER))
#ifdef _MSC_VER
#include <intrin.h>
#endif
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif

namespace {

struct V {
    using Reg = __m256i;
    static constexpr int kLanes = 16;

    static Reg load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    static void store(void* p, Reg r) { _mm256_storeu_si256(static_cast<__m256i*>(p), r); }
    static Reg zero() { return _mm256_setzero_si256(); }
    static Reg set16(std::int16_t v) { return _mm256_set1_epi16(v); }
    static Reg set32(std::int32_t v) { return _mm256_set1_epi32(v); }
    static Reg add16(Reg a, Reg b) { return _mm256_add_epi16(a, b); }
    static Reg sub16(Reg a, Reg b) { return _mm256_sub_epi16(a, b); }
    static Reg adds16(Reg a, Reg b) { return _mm256_adds_epi16(a, b); }
    static Reg subs16(Reg a, Reg b) { return _mm256_subs_epi16(a, b); }
    static Reg min16(Reg a, Reg b) { return _mm256_min_epi16(a, b); }
    static Reg max16(Reg a, Reg b) { return _mm256_max_epi16(a, b); }
    static Reg sign16(Reg a) { return _mm256_srai_epi16(a, 15); }
    static Reg shift_right16(Reg a, int count) { return _mm256_srl_epi16(a, _mm_cvtsi32_si128(count)); }
    static Reg equal16(Reg a, Reg b) { return _mm256_cmpeq_epi16(a, b); }
    static Reg bit_and(Reg a, Reg b) { return _mm256_and_si256(a, b); }
    static Reg bit_xor(Reg a, Reg b) { return _mm256_xor_si256(a, b); }
    static Reg select(Reg mask, Reg yes, Reg no) { return _mm256_blendv_epi8(no, yes, mask); }
    // Low and high within each half, as pack32 and store_unpacked expect.
    static Reg unpack_low(Reg a, Reg b) { return _mm256_unpacklo_epi16(a, b); }
    static Reg unpack_high(Reg a, Reg b) { return _mm256_unpackhi_epi16(a, b); }
    static Reg madd(Reg a, Reg b) { return _mm256_madd_epi16(a, b); }
    static Reg add32(Reg a, Reg b) { return _mm256_add_epi32(a, b); }
    template <int kCount>
    static Reg shift_right32(Reg a) {
        return _mm256_srai_epi32(a, kCount);
    }
    static Reg pack32(Reg a, Reg b) { return _mm256_packs_epi32(a, b); }
    static void store_unpacked(std::int32_t* p, Reg low, Reg high) {
        store(p, _mm256_permute2x128_si256(low, high, 0x20));
        store(p + 8, _mm256_permute2x128_si256(low, high, 0x31));
    }
    static std::int32_t sum32(Reg r) {
        __m128i a = _mm_add_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
        a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4e));
        a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1));
        return _mm_cvtsi128_si32(a);
    }
    static void store_bytes(std::uint8_t* p, Reg r) {
        const Reg packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(r, r), 0x08);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
    }
    // Upper bits of the values as floats: exponent and first bits of the mantissa.
    template <int kShift>
    static Reg float_bits(Reg a, int origin) {
        const Reg low = _mm256_castps_si256(_mm256_cvtepi32_ps(unpack_low(a, zero())));
        const Reg high = _mm256_castps_si256(_mm256_cvtepi32_ps(unpack_high(a, zero())));
        return pack32(_mm256_sub_epi32(_mm256_srli_epi32(low, kShift), set32(origin)),
                      _mm256_sub_epi32(_mm256_srli_epi32(high, kShift), set32(origin)));
    }
    static Reg level(Reg sum) { return max16(float_bits<22>(sum, 253), zero()); }
    static Reg token(Reg zigzag) { return float_bits<21>(zigzag, 508); }
};

}  // namespace

#include "blocks_vector.hpp"
#include "blocks_wave_avx2.inl"

namespace {

using medcodec::blocks::Lanes;
using medcodec::blocks::RawBits;
using medcodec::blocks::TokenTables;

// For every set of lanes that need a word, the order in which eight successive words go to the lanes.
struct Order {
    std::uint64_t of[256];
};

constexpr Order make_order() {
    Order order{};
    for (int mask = 0; mask < 256; ++mask) {
        std::uint64_t next = 0;
        for (int lane = 0; lane < 8; ++lane)
            if (mask >> lane & 1) order.of[mask] |= next++ << (8 * lane);
    }
    return order;
}

constexpr Order kOrder = make_order();

// The contexts of sixteen levels, looked up in registers.
struct ContextLookup {
    explicit ContextLookup(const std::uint8_t* contexts)
        : low(_mm_loadu_si128(reinterpret_cast<const __m128i*>(contexts))),
          high(_mm_loadu_si128(reinterpret_cast<const __m128i*>(contexts + 16))),
          last(_mm_set1_epi8(static_cast<char>(contexts[32]))) {}
    __m128i of(const std::uint8_t* levels) const {
        const __m128i level = _mm_loadu_si128(reinterpret_cast<const __m128i*>(levels));
        const __m128i below = _mm_blendv_epi8(_mm_shuffle_epi8(low, level), _mm_shuffle_epi8(high, level),
                                              _mm_slli_epi16(level, 3));
        return _mm_blendv_epi8(below, last, _mm_slli_epi16(level, 2));
    }
    __m128i low, high, last;
};

struct Eight {
    __m256i state;

    // Decodes one token per lane; the lower half of `contexts` is for these lanes.
    __m256i step(const std::uint32_t* entries, __m128i contexts, const std::uint8_t*& words) {
        const __m256i offset = _mm256_slli_epi32(_mm256_cvtepu8_epi32(contexts), medcodec::blocks::kTableBits);
        const __m256i slot = _mm256_and_si256(state, _mm256_set1_epi32(medcodec::blocks::kTableSize - 1));
        const __m256i entry =
            _mm256_i32gather_epi32(reinterpret_cast<const int*>(entries), _mm256_add_epi32(offset, slot), 4);
        const __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(entry, 7), _mm256_set1_epi32(8191));
        const __m256i next =
            _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(state, medcodec::blocks::kTableBits)),
                             _mm256_srli_epi32(entry, 20));
        const __m256i needs = _mm256_cmpgt_epi32(_mm256_set1_epi32(medcodec::blocks::kStateLow), next);
        const unsigned mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(needs)));
        const __m256i fresh = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
        const __m256i order =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&kOrder.of[mask])));
        const __m256i word = _mm256_permutevar8x32_epi32(fresh, order);
        state = _mm256_blendv_epi8(next, _mm256_or_si256(_mm256_slli_epi32(next, 16), word), needs);
        words += 2 * _mm_popcnt_u32(mask);
        return _mm256_and_si256(entry, _mm256_set1_epi32(127));
    }
};

void decode_tokens(Lanes& lanes, const TokenTables& tables, const std::uint8_t* levels, std::ptrdiff_t count,
                   std::uint8_t* tokens) {
    std::ptrdiff_t i = 0;
    if (lanes.count == medcodec::blocks::kMaxLanes) {
        Eight a{V::load(lanes.state)}, b{V::load(lanes.state + 8)};
        const ContextLookup lookup(tables.contexts);
        const std::uint8_t* words = lanes.words;
        for (; i + 16 <= count; i += 16) {
            const __m128i contexts = lookup.of(levels + i);
            const __m256i low = a.step(tables.entries, contexts, words);
            const __m256i high = b.step(tables.entries, _mm_srli_si128(contexts, 8), words);
            const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
            V::store_bytes(tokens + i, packed);
        }
        V::store(lanes.state, a.state);
        V::store(lanes.state + 8, b.state);
        lanes.words = words;
    }
    medcodec::blocks::generic::decode_checked(lanes, tables, levels + i, count - i, tokens + i);
}

// Raw bits of eight tokens, which together have at most 8 * 14 bits: each is read on its own.
__m256i raw_values(__m256i token, RawBits& raw) {
    const __m256i bits =
        _mm256_max_epi32(_mm256_sub_epi32(_mm256_srli_epi32(token, 2), _mm256_set1_epi32(2)), _mm256_setzero_si256());
    const __m256i has = _mm256_cmpgt_epi32(token, _mm256_set1_epi32(medcodec::blocks::kDirectTokens - 1));
    const __m256i count = _mm256_and_si256(bits, has);
    __m256i sum = _mm256_add_epi32(count, _mm256_slli_si256(count, 4));
    sum = _mm256_add_epi32(sum, _mm256_slli_si256(sum, 8));
    const __m256i low_total = _mm256_permutevar8x32_epi32(sum, _mm256_set1_epi32(3));
    sum = _mm256_add_epi32(sum, _mm256_blend_epi32(_mm256_setzero_si256(), low_total, 0xf0));
    const __m256i at =
        _mm256_add_epi32(_mm256_sub_epi32(sum, count), _mm256_set1_epi32(static_cast<int>(raw.at & 7)));
    const __m256i word =
        _mm256_i32gather_epi32(reinterpret_cast<const int*>(raw.data + (raw.at >> 3)), _mm256_srli_epi32(at, 3), 1);
    const __m256i shifted = _mm256_srlv_epi32(word, _mm256_and_si256(at, _mm256_set1_epi32(7)));
    const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), count), _mm256_set1_epi32(1));
    raw.at += static_cast<std::uint64_t>(_mm256_extract_epi32(sum, 7));
    const __m256i leading = _mm256_or_si256(_mm256_and_si256(token, _mm256_set1_epi32(3)), _mm256_set1_epi32(4));
    const __m256i large = _mm256_or_si256(_mm256_sllv_epi32(leading, count), _mm256_and_si256(shifted, mask));
    return _mm256_blendv_epi8(token, large, has);
}

void expand(const std::uint8_t* tokens, std::ptrdiff_t count, int magnitude_shift, RawBits& raw,
            std::int16_t* residuals, std::uint16_t* magnitudes) {
    RawBits local = raw;
    std::ptrdiff_t i = 0;
    for (; i + V::kLanes <= count; i += V::kLanes) {
        const __m128i token = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tokens + i));
        __m256i zigzag;
        if (_mm_testz_si128(token, _mm_set1_epi8(-medcodec::blocks::kDirectTokens))) {
            zigzag = _mm256_cvtepu8_epi16(token);
        } else {
            const __m256i low = raw_values(_mm256_cvtepu8_epi32(token), local);
            const __m256i high = raw_values(_mm256_cvtepu8_epi32(_mm_srli_si128(token, 8)), local);
            zigzag = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
        }
        put_residuals(zigzag, magnitude_shift, residuals + i, magnitudes + i);
    }
    if (i < count) expand_few(tokens + i, count - i, magnitude_shift, local, residuals + i, magnitudes + i);
    clear_after(magnitudes, count);
    raw = local;
}

constexpr medcodec::blocks::Kernels kAvx2 = {"avx2",     choose_block, tap_sums,      covariance, even_levels,
                                             odd_levels, tokenise,     decode_tokens, expand,
                                             rebuild_wave};

}  // namespace

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

namespace medcodec::blocks {
namespace {

bool has_avx2() {
#if defined(_MSC_VER) && !defined(__clang__)
    int info[4];
    __cpuid(info, 0);
    if (info[0] < 7) return false;
    __cpuid(info, 1);
    constexpr int kSaved = 1 << 27, kAvx = 1 << 28, kPopcount = 1 << 23;
    const int wanted = kSaved | kAvx | kPopcount;
    if ((info[2] & wanted) != wanted || (_xgetbv(0) & 6) != 6) return false;
    __cpuidex(info, 7, 0);
    return (info[1] & (1 << 5)) != 0;
#else
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
#endif
}

}  // namespace

const Kernels* avx2_kernels() {
    static const bool available = has_avx2();
    return available ? &kAvx2 : nullptr;
}

}  // namespace medcodec::blocks

#else

namespace medcodec::blocks {
const Kernels* avx2_kernels() {
    return nullptr;
}
}  // namespace medcodec::blocks

#endif
