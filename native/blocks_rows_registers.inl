// Tables, neighbours and raw bits of rows in registers. Included by blocks_rows_avx2.cpp and blocks_rows_avx512.cpp,
// within their instruction sets.

namespace {

struct Row {
    Reg even, odd, odd_before, even_before, even_after;  // see Planes in blocks_rows_scalar.hpp
    Reg activity, around;
};

struct Frame {
    Row row[kSide];
};

// Entries: token | place in the token's range << 8 | frequency << 21.
void fill_table(const std::uint16_t* frequencies, int highest, std::uint32_t* entries) {
    const Reg steps = _mm256_slli_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), 8);
    const Reg eight = _mm256_set1_epi32(8 << 8);
    for (int t = 0; t <= highest; ++t) {
        const int frequency = frequencies[t];
        const unsigned common = static_cast<unsigned>(t) | static_cast<unsigned>(frequency) << 21;
        Reg entry = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(common)), steps);
        // Whole vectors: what is too much is overwritten by the next token.
        for (int i = 0; i < frequency; i += 8, entry = _mm256_add_epi32(entry, eight))
            _mm256_storeu_si256(reinterpret_cast<Reg*>(entries + i), entry);
        entries += frequency;
    }
}

// One column to the right, the first one repeated.
inline Reg before16(Reg a) {
    const __m128i low = _mm256_castsi256_si128(a);
    const Reg left = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_broadcastw_epi16(low)), low, 1);
    return _mm256_alignr_epi8(a, left, 14);
}
// One column to the left, the last one repeated.
inline Reg after16(Reg a) {
    const __m128i high = _mm256_extracti128_si256(a, 1);
    const __m128i last = _mm_shuffle_epi8(high, _mm_set1_epi16(0x0f0e));
    const Reg right = _mm256_inserti128_si256(_mm256_castsi128_si256(high), last, 1);
    return _mm256_alignr_epi8(right, a, 2);
}
inline Reg before8(Reg a) {
    return _mm256_alignr_epi8(a, _mm256_permute2x128_si256(a, a, 0x08), 15);
}
inline Reg after8(Reg a) {
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(a, a, 0x81), a, 1);
}

// Raw bits of one parity of a row, `shuffle` and `lift` bringing those of each lane to its top.
struct RawLanes {
    explicit RawLanes(int bits_) : bits(bits_) {
        alignas(16) std::uint8_t bytes[16];
        alignas(16) std::uint16_t factors[8];
        for (int i = 0; i < 8; ++i) {
            const int at = i * bits;
            bytes[2 * i] = static_cast<std::uint8_t>(at / 8);
            bytes[2 * i + 1] = static_cast<std::uint8_t>(at / 8 + 1);
            factors[i] = static_cast<std::uint16_t>(1 << (16 - bits - at % 8));
        }
        shuffle = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
        lift = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(factors)));
    }
    Reg get(const std::uint8_t* p) const {
        const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + bits));
        const Reg both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
        const Reg lifted = _mm256_mullo_epi16(_mm256_shuffle_epi8(both, shuffle), lift);
        return _mm256_srl_epi16(lifted, _mm_cvtsi32_si128(16 - bits));
    }
    int bits;
    Reg shuffle, lift;
};

}  // namespace
