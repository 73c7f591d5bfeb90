// What the lanes of both entropy decoders of rows share. Included by blocks_rows_avx2.cpp and blocks_rows_avx512.cpp,
// within their instruction sets.

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

// One entry for each lane.
struct Entries {
    Reg of[4];
};

template <int kRegister>
inline Reg gathered(Reg state, Reg contexts, const std::uint32_t* entries) {
    // The second byte of each lane comes from `contexts`, the others are 0.
    constexpr int kPick = static_cast<int>(0x80800080u) + kRegister * 256;
    const Reg spread = _mm256_setr_epi32(kPick, kPick + 0x400, kPick + 0x800, kPick + 0xc00, kPick, kPick + 0x400,
                                         kPick + 0x800, kPick + 0xc00);
    const Reg slot = _mm256_and_si256(state, _mm256_set1_epi32(kTableSize - 1));
    return _mm256_i32gather_epi32(reinterpret_cast<const int*>(entries),
                                  _mm256_or_si256(_mm256_shuffle_epi8(contexts, spread), slot), 4);
}

// `contexts` are multiplied by 4, one in each byte.
inline Entries entries_of(const Reg (&states)[4], Reg contexts, const std::uint32_t* entries) {
    return {{gathered<0>(states[0], contexts, entries), gathered<1>(states[1], contexts, entries),
             gathered<2>(states[2], contexts, entries), gathered<3>(states[3], contexts, entries)}};
}

// Tokens in the low bytes of lanes, by columns: column 4 n + v is lane n of register v.
inline Reg by_columns(Reg a, Reg b, Reg c, Reg d) {
    const Reg byte = _mm256_set1_epi32(255);
    const Reg low = _mm256_or_si256(_mm256_and_si256(a, byte), _mm256_slli_epi32(b, 8));
    const Reg high = _mm256_or_si256(_mm256_and_si256(c, byte), _mm256_slli_epi32(d, 8));
    return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}

}  // namespace
