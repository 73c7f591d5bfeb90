// Sums of products of 16-bit integers: the normal equations of one tile.

constexpr int kTile = 16;      // columns of a tile
constexpr int kTileRows = 4;   // rows of a tile
constexpr int kSamples = kTile * kTileRows;

// out[k] = sum of a[s] * b[k * kSamples + s], k = 0..3. Each sum fits 32 bits.
inline void four_dots(const int16_t* a, const int16_t* b, int32_t* out) {
#if defined(__AVX2__)
    __m256i sum[4];
    for (int k = 0; k < 4; k++) {
        sum[k] = _mm256_setzero_si256();
        for (int s = 0; s < kSamples; s += 16)
            sum[k] = _mm256_add_epi32(
                sum[k], _mm256_madd_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(a + s)),
                                          _mm256_load_si256(reinterpret_cast<const __m256i*>(b + k * kSamples + s))));
    }
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
#elif defined(__SSE2__)
    for (int k = 0; k < 4; k++) {
        __m128i sum = _mm_setzero_si128();
        for (int s = 0; s < kSamples; s += 8)
            sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(a + s)),
                                                    _mm_load_si128(reinterpret_cast<const __m128i*>(b + k * kSamples + s))));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
        out[k] = _mm_cvtsi128_si32(sum);
    }
#else
    for (int k = 0; k < 4; k++) {
        out[k] = 0;
        for (int s = 0; s < kSamples; s++) out[k] += static_cast<int32_t>(a[s]) * b[k * kSamples + s];
    }
#endif
}

// Place of the product of features i <= j among those of n features; the target is feature n.
inline int pair_index(int i, int j, int n) {
    return j < n ? i * n - i * (i - 1) / 2 + (j - i) : n * (n + 1) / 2 + i;
}

// Products of the features `f` (rows of kSamples, the target after the last one, room for three more) into
// sums[pair * stride].
inline void normal_equations(const int16_t* f, int n, float* sums, size_t stride) {
    int32_t four[4];
    for (int i = 0; i < n; i++)
        for (int j = i; j <= n; j += 4) {
            four_dots(f + i * kSamples, f + j * kSamples, four);
            for (int k = 0; k < 4 && j + k <= n; k++)
                sums[static_cast<size_t>(pair_index(i, j + k, n)) * stride] = static_cast<float>(four[k]);
        }
}
