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

#include "blocks_rows_lanes.inl"

namespace {

// The lanes of the entropy decoder: column 4 n + v is lane n of register v. Registers of 512 bits would hold all lanes
// in two, but while they are in use processors have one vector unit less for everything else.
class Lanes {
  public:
    static constexpr int kOver = 16;  // bytes that may be read past the words of a row

    explicit Lanes(const Task& task) : words(task.words) {
        start<0>(task);
        start<1>(task);
        start<2>(task);
        start<3>(task);
    }

    Entries look_up(Reg contexts, const std::uint32_t* entries) const {
        return entries_of(state_, contexts, entries);
    }

    // Goes on by one token per column; returns the tokens by columns.
    template <bool kAll>
    Reg take(const Entries& entries) {
        const Reg a = step<0, kAll>(entries), b = step<1, kAll>(entries);
        const Reg c = step<2, kAll>(entries), d = step<3, kAll>(entries);
        return by_columns(a, b, c, d);
    }

    // Whether every lane is back where the encoder began.
    bool are_low() const {
        return are_low(state_[0]) && are_low(state_[1]) && are_low(state_[2]) && are_low(state_[3]);
    }

    const std::uint8_t* words;  // the next one

  private:
    template <int kRegister>
    void start(const Task& task) {
        alignas(32) std::uint32_t states[8];
        for (int n = 0; n < 8; ++n) {
            const int x = 4 * n + kRegister;
            std::memcpy(states + n, task.states + 4 * x, 4);
            if (x < task.size.width) active_[kRegister] = static_cast<__mmask8>(active_[kRegister] | 1 << n);
        }
        state_[kRegister] = load(states);
    }

    static bool are_low(Reg state) {
        return _mm256_cmpneq_epi32_mask(state, _mm256_set1_epi32(kStateLow)) == 0;
    }

    template <int kRegister, bool kAll>
    Reg step(const Entries& entries) {
        const Reg entry = entries.of[kRegister];
        Reg& state = state_[kRegister];
        const Reg place = _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(kTableSize - 1));
        Reg next = _mm256_add_epi32(
            _mm256_mullo_epi32(_mm256_srli_epi32(entry, 21), _mm256_srli_epi32(state, kTableBits)), place);
        if (!kAll) next = _mm256_mask_mov_epi32(state, active_[kRegister], next);
        const __mmask8 needs = _mm256_cmplt_epu32_mask(next, _mm256_set1_epi32(kStateLow));
        const Reg found = _mm256_maskz_expand_epi32(
            needs, _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words))));
        words += 2 * _mm_popcnt_u32(needs);
        state = _mm256_mask_or_epi32(next, needs, _mm256_slli_epi32(next, 16), found);
        return kAll ? entry : _mm256_maskz_mov_epi32(active_[kRegister], entry);
    }

    Reg state_[4];
    __mmask8 active_[4] = {};
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
