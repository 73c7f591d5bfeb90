// Sums of products of 16-bit integers: the normal equations of one tile.

constexpr int kTile = 16;      // columns of a tile
constexpr int kTileRows = 4;     // rows of a tile
constexpr int kMaxTileRows = 8;  // and where frames are narrow, of few tiles side by side
constexpr int kNarrow = 128;
constexpr int kSamples = kTile * kMaxTileRows;
constexpr float kLargestSample = 2895;  // so that sums over a tile fit 32 bits

// out[k] = sum over kCount samples s of a[s] * b[k * kSamples + s], k = 0..3. Each sum fits 32 bits.
template <int kCount>
inline void four_dots(const int16_t* a, const int16_t* b, int32_t* out) {
#if defined(__AVX2__)
    __m256i sum[4];
    for (int k = 0; k < 4; k++) {
        const int16_t* c = b + k * kSamples;
#if defined(__AVX512BW__)
        __m512i total = _mm512_madd_epi16(_mm512_load_si512(a), _mm512_load_si512(c));
        for (int s = 32; s < kCount; s += 32)
            total = _mm512_add_epi32(total, _mm512_madd_epi16(_mm512_load_si512(a + s), _mm512_load_si512(c + s)));
        sum[k] = _mm256_add_epi32(_mm512_castsi512_si256(total), _mm512_extracti64x4_epi64(total, 1));
#else
        const auto* left = reinterpret_cast<const __m256i*>(a);
        const auto* right = reinterpret_cast<const __m256i*>(c);
        sum[k] = _mm256_madd_epi16(_mm256_load_si256(left), _mm256_load_si256(right));
        for (int s = 1; s < kCount / 16; s++)
            sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(_mm256_load_si256(left + s), _mm256_load_si256(right + s)));
#endif
    }
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
#elif defined(__SSE2__)
    for (int k = 0; k < 4; k++) {
        const auto* left = reinterpret_cast<const __m128i*>(a);
        const auto* right = reinterpret_cast<const __m128i*>(b + k * kSamples);
        __m128i sum = _mm_setzero_si128();
        for (int s = 0; s < kCount / 8; s++)
            sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_load_si128(left + s), _mm_load_si128(right + s)));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
        sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
        out[k] = _mm_cvtsi128_si32(sum);
    }
#else
    for (int k = 0; k < 4; k++) {
        out[k] = 0;
        for (int s = 0; s < kCount; s++) out[k] += static_cast<int32_t>(a[s]) * b[k * kSamples + s];
    }
#endif
}

// Place of the product of features i <= j among those of n features; the target is feature n.
inline int pair_index(int i, int j, int n) {
    return j < n ? i * n - i * (i - 1) / 2 + (j - i) : n * (n + 1) / 2 + i;
}

// Products of the features `f` (rows of kSamples, the target after the last one, room for three more) over kCount
// samples, into sums[pair * stride].
template <int kCount>
void normal_equations(const int16_t* f, int n, float* sums, size_t stride) {
    int32_t four[4];
    for (int i = 0; i < n; i++) {
        float* out = sums + static_cast<size_t>(pair_index(i, i, n)) * stride;
        int j = i;
        for (; j + 4 <= n; j += 4) {
            four_dots<kCount>(f + i * kSamples, f + j * kSamples, four);
            for (int k = 0; k < 4; k++, out += stride) *out = static_cast<float>(four[k]);
        }
        four_dots<kCount>(f + i * kSamples, f + j * kSamples, four);
        for (int k = 0; k < n - j; k++, out += stride) *out = static_cast<float>(four[k]);
        sums[static_cast<size_t>(pair_index(i, n, n)) * stride] = static_cast<float>(four[n - j]);
    }
}
