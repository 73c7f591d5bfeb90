// Rows of 32 columns on AVX2. Only what stands between the pragmas, all of it local to this file, is compiled
// for it.
#include "blocks_rows.hpp"

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(_MSC_VER))
#include <immintrin.h>

#include <cstring>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif

#include "blocks_rows_lanes.inl"

namespace {

// For every set of lanes that need a word, where each finds its bytes among eight words, all others being 0.
struct alignas(32) Order {
    std::uint8_t of[256][32];
};

constexpr Order make_order() {
    Order order{};
    for (int mask = 0; mask < 256; ++mask) {
        int next = 0;
        for (int lane = 0; lane < 8; ++lane)
            for (int byte = 0; byte < 4; ++byte)
                order.of[mask][4 * lane + byte] =
                    byte < 2 && mask >> lane & 1 ? static_cast<std::uint8_t>(next++) : std::uint8_t{0x80};
    }
    return order;
}

constexpr Order kOrder = make_order();

// The lanes of the entropy decoder: column 4 n + v is lane n of register v.
class Lanes {
  public:
    static constexpr int kOver = 16;  // bytes that may be read past the words of a row

    explicit Lanes(const Task& task) : words(task.words) {
        alignas(32) std::uint32_t states[kSide], active[kSide];
        for (int x = 0; x < kSide; ++x) {
            std::memcpy(states + x % 4 * 8 + x / 4, task.states + 4 * x, 4);
            active[x % 4 * 8 + x / 4] = x < task.size.width ? ~0u : 0;
        }
        for (int v = 0; v < 4; ++v) {
            state_[v] = load(states + 8 * v);
            active_[v] = load(active + 8 * v);
        }
    }

    Entries look_up(Reg contexts, const std::uint32_t* entries) const {
        return entries_of(state_, contexts, entries);
    }

    // Goes on by one token per column; returns the tokens by columns.
    template <bool kAll>
    Reg take(const Entries& entries) {
        const Reg a = step<kAll>(0, entries), b = step<kAll>(1, entries);
        const Reg c = step<kAll>(2, entries), d = step<kAll>(3, entries);
        return by_columns(a, b, c, d);
    }

    // Whether every lane is back where the encoder began.
    bool are_low() const {
        Reg different = _mm256_setzero_si256();
        for (const Reg& state : state_)
            different = _mm256_or_si256(different, _mm256_xor_si256(state, low_));
        return _mm256_testz_si256(different, different) != 0;
    }

    const std::uint8_t* words;  // the next one

  private:
    template <bool kAll>
    Reg step(int v, const Entries& entries) {
        const Reg entry = entries.of[v], state = state_[v];
        const Reg place = _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(kTableSize - 1));
        Reg next = _mm256_add_epi32(
            _mm256_mullo_epi32(_mm256_srli_epi32(entry, 21), _mm256_srli_epi32(state, kTableBits)), place);
        if (!kAll) next = _mm256_blendv_epi8(state, next, active_[v]);
        const Reg needs = _mm256_cmpgt_epi32(low_, next);
        const unsigned mask = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(needs)));
        const Reg found = _mm256_shuffle_epi8(
            _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words))),
            load(kOrder.of[mask]));
        words += 2 * _mm_popcnt_u32(mask);
        state_[v] = _mm256_or_si256(_mm256_sllv_epi32(next, _mm256_and_si256(needs, _mm256_set1_epi32(16))), found);
        return kAll ? entry : _mm256_and_si256(entry, active_[v]);
    }

    Reg state_[4], active_[4], low_ = _mm256_set1_epi32(kStateLow);
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
bool decode_avx2(const Task& task) {
    return run(task);
}
}  // namespace medcodec::blocks::rows

#else

namespace medcodec::blocks::rows {
bool decode_avx2(const Task& task) {
    return decode_scalar(task);
}
}  // namespace medcodec::blocks::rows

#endif
