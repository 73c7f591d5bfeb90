// Rows of 32 columns on AVX-512. Only what stands between the pragmas, all of it local to this file, is compiled
// for it.
#include "blocks_rows.hpp"

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(_MSC_VER))
#include <immintrin.h>

#include <cstring>

#if defined(__clang__)
#pragma clang attribute push( \
    __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")
#endif

namespace {

using Reg = __m256i;
using medcodec::blocks::kStateLow;
using medcodec::blocks::rows::kContexts;
using medcodec::blocks::rows::kLevels;
using medcodec::blocks::rows::kSide;
using medcodec::blocks::rows::kTableBits;
using medcodec::blocks::rows::kTableSize;
using medcodec::blocks::rows::kTaps;
using medcodec::blocks::rows::kTokens;
using medcodec::blocks::rows::Task;

inline Reg load(const void* p) {
    return _mm256_load_si256(static_cast<const Reg*>(p));
}
inline void store(void* p, Reg r) {
    _mm256_store_si256(static_cast<Reg*>(p), r);
}

// The lanes of the entropy decoder: column 4 n + v is lane n + 8 (v mod 2) of register v / 2.
class Lanes {
  public:
    // One entry for each lane.
    struct Entries {
        __m512i of[2];
    };
    static constexpr int kOver = 32;  // bytes that may be read past the words of a row

    explicit Lanes(const Task& task) : words(task.words) {
        alignas(64) std::uint32_t states[kSide];
        for (int x = 0; x < kSide; ++x) {
            const int lane = x % 4 * 8 + x / 4;
            std::memcpy(states + lane, task.states + 4 * x, 4);
            if (x < task.size.width) active_[lane / 16] = static_cast<__mmask16>(active_[lane / 16] | 1 << lane % 16);
        }
        state_[0] = _mm512_load_si512(states);
        state_[1] = _mm512_load_si512(states + 16);
    }

    // `contexts` are multiplied by 4, one in each byte.
    Entries look_up(Reg contexts, const std::uint32_t* entries) const {
        const __m512i twice = _mm512_broadcast_i64x4(contexts);
        return {{gather<0>(twice, entries), gather<1>(twice, entries)}};
    }

    // Goes on by one token per column; returns the tokens by columns.
    template <bool kAll>
    Reg take(const Entries& entries) {
        const __m512i ab = step<kAll>(0, entries), cd = step<kAll>(1, entries);
        const Reg a = _mm512_castsi512_si256(ab), b = _mm512_extracti64x4_epi64(ab, 1);
        const Reg c = _mm512_castsi512_si256(cd), d = _mm512_extracti64x4_epi64(cd, 1);
        const Reg byte = _mm256_set1_epi32(255);
        const Reg low = _mm256_or_si256(_mm256_and_si256(a, byte), _mm256_slli_epi32(b, 8));
        const Reg high = _mm256_or_si256(_mm256_and_si256(c, byte), _mm256_slli_epi32(d, 8));
        return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
    }

    // Whether every lane is back where the encoder began.
    bool are_low() const {
        const __m512i low = _mm512_set1_epi32(kStateLow);
        return _mm512_cmpneq_epi32_mask(state_[0], low) == 0 && _mm512_cmpneq_epi32_mask(state_[1], low) == 0;
    }

    const std::uint8_t* words;  // the next one

  private:
    template <int kRegister>
    __m512i gather(__m512i contexts, const std::uint32_t* entries) const {
        // The second byte of each lane comes from `contexts`, the others are 0.
        constexpr int kPick = static_cast<int>(0x80800080u) + 2 * kRegister * 256;
        const __m512i spread = _mm512_set_epi32(
            kPick + 0xd00, kPick + 0x900, kPick + 0x500, kPick + 0x100, kPick + 0xd00, kPick + 0x900, kPick + 0x500,
            kPick + 0x100, kPick + 0xc00, kPick + 0x800, kPick + 0x400, kPick, kPick + 0xc00, kPick + 0x800,
            kPick + 0x400, kPick);
        const __m512i slot = _mm512_and_si512(state_[kRegister], _mm512_set1_epi32(kTableSize - 1));
        return _mm512_i32gather_epi32(_mm512_or_si512(_mm512_shuffle_epi8(contexts, spread), slot), entries, 4);
    }

    template <bool kAll>
    __m512i step(int r, const Entries& entries) {
        const __m512i entry = entries.of[r], state = state_[r];
        const __m512i place = _mm512_and_si512(_mm512_srli_epi32(entry, 8), _mm512_set1_epi32(kTableSize - 1));
        __m512i next = _mm512_add_epi32(
            _mm512_mullo_epi32(_mm512_srli_epi32(entry, 21), _mm512_srli_epi32(state, kTableBits)), place);
        if (!kAll) next = _mm512_mask_mov_epi32(state, active_[r], next);
        const __mmask16 needs = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32(kStateLow));
        const __m512i found = _mm512_maskz_expand_epi32(
            needs, _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const Reg*>(words))));
        words += 2 * _mm_popcnt_u32(needs);
        state_[r] = _mm512_mask_or_epi32(next, needs, _mm512_slli_epi32(next, 16), found);
        return kAll ? entry : _mm512_maskz_mov_epi32(active_[r], entry);
    }

    __m512i state_[2];
    __mmask16 active_[2] = {};
};

}  // namespace

#include "blocks_rows_registers.inl"
#include "blocks_rows_vector.inl"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

namespace medcodec::blocks::rows {
bool decode_avx512(const Task& task) {
    return run(task);
}
bool has_avx512() {
    static const bool available = avx2_kernels() && __builtin_cpu_supports("avx512f") &&
                                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                                  __builtin_cpu_supports("avx512vl");
    return available;
}
}  // namespace medcodec::blocks::rows

#else

namespace medcodec::blocks::rows {
bool decode_avx512(const Task& task) {
    return decode_scalar(task);
}
bool has_avx512() {
    return false;
}
}  // namespace medcodec::blocks::rows

#endif
