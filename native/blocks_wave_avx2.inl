// Rebuilding voxels of eight frames at once, one per lane. Included by blocks_avx2.cpp, within its instruction set.

namespace {

using medcodec::blocks::Wave;

// The 32-bit numbers of eight rows become those of eight columns.
inline void transpose(__m256i* r) {
    __m256i a[8], b[8];
    for (int i = 0; i < 4; ++i) {
        a[2 * i] = _mm256_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

inline __m128i load8(const void* p) {
    return _mm_loadl_epi64(static_cast<const __m128i*>(p));
}

// Eight columns; `last` holds W in the lower and WW in the upper halves of the lanes.
__m256i rebuild_eight(const Wave& wave, std::ptrdiff_t x, __m256i last) {
    __m256i sums[8], residuals[8], north[8], step[8], voxels[8];
    for (int i = 0; i < 8; ++i) {
        sums[i] = V::load(wave.sums[i] + x);
        const __m128i even = load8(wave.even[i] + x / 2), odd = load8(wave.odd[i] + x / 2);
        residuals[i] = _mm256_cvtepi16_epi32(_mm_unpacklo_epi16(even, odd));
    }
    transpose(sums);
    transpose(residuals);
    if (wave.any_median) {
        for (int i = 0; i < 8; ++i) {
            const __m128i n = _mm_loadu_si128(reinterpret_cast<const __m128i*>(wave.north[i] + x));
            const __m128i nw = _mm_loadu_si128(reinterpret_cast<const __m128i*>(wave.north[i] + x - 1));
            north[i] = _mm256_cvtepi16_epi32(n);
            step[i] = _mm256_cvtepi16_epi32(_mm_subs_epi16(n, nw));
        }
        transpose(north);
        transpose(step);
    }
    const __m256i weights = V::load(wave.weights), low = V::set32(wave.low), high = V::set32(wave.high);
    const __m256i median = V::load(wave.median);
    for (int c = 0; c < 8; ++c) {
        __m256i p = V::shift_right32<kWeightBits>(V::add32(V::madd(last, weights), sums[c]));
        p = _mm256_min_epi32(_mm256_max_epi32(p, low), high);
        if (wave.any_median) {
            const __m256i w = _mm256_srai_epi32(_mm256_slli_epi32(last, 16), 16);
            const __m256i least = _mm256_min_epi32(w, north[c]), most = _mm256_max_epi32(w, north[c]);
            const __m256i edge = _mm256_min_epi32(_mm256_max_epi32(V::add32(w, step[c]), least), most);
            p = _mm256_blendv_epi8(p, edge, median);
        }
        last = _mm256_blend_epi16(_mm256_slli_epi32(last, 16), V::add32(p, residuals[c]), 0x55);
        voxels[c] = last;
    }
    // Of pairs of columns, the earlier one in the lower half.
    __m256i pairs[4];
    for (int i = 0; i < 4; ++i)
        pairs[i] = _mm256_or_si256(_mm256_slli_epi32(voxels[2 * i + 1], 16), _mm256_srli_epi32(voxels[2 * i + 1], 16));
    const __m256i a = _mm256_unpacklo_epi32(pairs[0], pairs[1]), b = _mm256_unpackhi_epi32(pairs[0], pairs[1]);
    const __m256i c = _mm256_unpacklo_epi32(pairs[2], pairs[3]), d = _mm256_unpackhi_epi32(pairs[2], pairs[3]);
    const __m256i rows[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c), _mm256_unpacklo_epi64(b, d),
                             _mm256_unpackhi_epi64(b, d)};
    for (int i = 0; i < 4; ++i) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(wave.voxels[i] + x), _mm256_castsi256_si128(rows[i]));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(wave.voxels[i + 4] + x), _mm256_extracti128_si256(rows[i], 1));
    }
    return last;
}

void rebuild_wave(const Wave& wave, std::ptrdiff_t column) {
    std::uint32_t left[8];
    for (int i = 0; i < 8; ++i)
        left[i] = static_cast<std::uint16_t>(wave.voxels[i][column - 1]) |
                  static_cast<std::uint32_t>(static_cast<std::uint16_t>(wave.voxels[i][column - 2])) << 16;
    const __m256i last = rebuild_eight(wave, column, V::load(left));
    rebuild_eight(wave, column + 8, last);
}

}  // namespace
