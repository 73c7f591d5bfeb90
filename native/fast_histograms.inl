// Symbols 0..31 in a mixture of four adaptive cumulative histograms, one of each of four sets of contexts.

typedef int16_t Edges __attribute__((vector_size(64)));
typedef uint16_t Sums __attribute__((vector_size(64)));

constexpr Edges kIndex = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
constexpr int kSymbols = 32;
constexpr int kLevels = 80;    // of the local error, four per octave
constexpr int kSets = 4;
constexpr int kQuarters = 4;
constexpr int kDetails = 8;    // contexts of a set for each level
constexpr int kTop = 32656;    // a histogram's total
constexpr int kLeast = 7;      // of each symbol in the mixture, besides half of each histogram
constexpr int kTotalBits = 16;

// exp(-v), v >= 0, by a Taylor series of exp(-v / 1024) and repeated squaring: no libm.
inline double exp_negative(double v) {
    if (v > 30) v = 30;
    const double t = -v / 1024;
    double term = 1, sum = 1;
    for (int i = 1; i < 12; i++) term = term * t / i, sum += term;
    for (int i = 0; i < 10; i++) sum *= sum;
    return sum;
}

inline double logistic(double v) {
    return v < 0 ? exp_negative(-v) / (1 + exp_negative(-v)) : 1 / (1 + exp_negative(v));
}

// Octaves of the residual that one symbol spans at this level of the local error.
inline int symbol_shift(int level) {
    const int shift = (level + 1) / 4 - 4;
    return shift < 0 ? 0 : shift;
}

// Quarter octaves of a local error, from 1/8 on.
inline int error_level(float error) {
    const float shifted = error + 0.1f;
    uint32_t bits;
    std::memcpy(&bits, &shifted, 4);
    const int level = static_cast<int>(bits >> 21) - ((127 - 3) << 2);
    return level < 0 ? 0 : level >= kLevels ? kLevels - 1 : level;
}

struct Mixture {
    alignas(64) uint16_t edge[kSymbols + 2];  // lower edges of the symbols; the last is 2^16, which is 0 here
    uint32_t start(int symbol) const { return edge[symbol]; }
    uint32_t length(int symbol) const { return static_cast<uint16_t>(edge[symbol + 1] - edge[symbol]); }
    // The symbol that owns `slot`.
    int find(uint32_t slot) const {
#if defined(__AVX512BW__)
        const uint32_t above = _cvtmask32_u32(
            _mm512_cmpgt_epu16_mask(_mm512_load_si512(edge), _mm512_set1_epi16(static_cast<int16_t>(slot))));
        return above ? __builtin_ctz(above) - 1 : kSymbols - 1;
#elif defined(__AVX2__)
        const __m256i sign = _mm256_set1_epi16(INT16_MIN);
        const __m256i wanted = _mm256_xor_si256(_mm256_set1_epi16(static_cast<int16_t>(slot)), sign);
        __m256i above[2];
        for (int i = 0; i < 2; i++)
            above[i] = _mm256_cmpgt_epi16(
                _mm256_xor_si256(_mm256_load_si256(reinterpret_cast<const __m256i*>(edge + 16 * i)), sign), wanted);
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(above[0], above[1]), 0xd8);
        const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(packed));
        return mask ? __builtin_ctz(mask) - 1 : kSymbols - 1;
#elif defined(__SSE2__)
        const __m128i sign = _mm_set1_epi16(INT16_MIN);
        const __m128i wanted = _mm_xor_si128(_mm_set1_epi16(static_cast<int16_t>(slot)), sign);
        __m128i above[4];
        for (int i = 0; i < 4; i++)
            above[i] = _mm_cmpgt_epi16(
                _mm_xor_si128(_mm_load_si128(reinterpret_cast<const __m128i*>(edge + 8 * i)), sign), wanted);
        const auto mask = static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(above[0], above[1]))) |
                          static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(above[2], above[3]))) << 16;
        return mask ? __builtin_ctz(mask) - 1 : kSymbols - 1;
#else
        int symbol = 0;
        while (symbol < kSymbols - 1 && edge[symbol + 1] <= slot) symbol++;
        return symbol;
#endif
    }
};

// A logistic for each level, for predictions that are each quarter off the rounded one, and exact ones.
struct Beginnings {
    Edges at[kLevels][kQuarters + 1];
    Beginnings() {
        double error = 0.125 * 1.09;  // in the middle of the level
        for (int level = 0; level < kLevels; level++, error *= 1.189207115002721)
            for (int quarter = 0; quarter <= kQuarters; quarter++) {
                const bool exact = quarter == kQuarters || symbol_shift(level) > 0;
                fill(at[level][quarter], level, error, exact ? 0 : (quarter + 0.5) / kQuarters - 0.5);
            }
    }

  private:
    static void fill(Edges& edges, int level, double error, double offset) {
        const double scale = error * 0.7 < 0.12 ? 0.12 : error * 0.7;
        const double width = 1 << symbol_shift(level);
        edges[0] = 0;
        for (int s = 1; s < kSymbols; s++) {
            const double edge = (s - kSymbols / 2) * width - (width > 1 ? width / 2 + 0.5 : 0.5) - offset;
            edges[s] = static_cast<int16_t>(logistic(edge / scale) * kTop);
        }
    }
};

struct Contexts {
    int of[kSets];
};

class Histograms {
  public:
    Histograms() : edges_(kSets * kLevels * kDetails), seen_(kSets * kLevels * kDetails) {
        static const Beginnings beginnings;
        for (int level = 0; level < kLevels; level++)
            for (int detail = 0; detail < kDetails; detail++) {
                edges_.data[at(0, level, detail)] = beginnings.at[level][detail % kQuarters];
                for (int set = 1; set < kSets; set++) edges_.data[at(set, level, detail)] = beginnings.at[level][kQuarters];
            }
        for (int i = 0; i < 256; i++) rate_[i] = i < 4 ? 3 : i < 12 ? 4 : i < 32 ? 5 : i < 96 ? 6 : 7;
    }
    static int at(int set, int level, int detail) { return (set * kLevels + level) * kDetails + detail; }

    void mix(const Contexts& c, Mixture& mixture) const {
        const Sums least = (Sums)kIndex * static_cast<uint16_t>(kLeast);
        const Sums sum = ((Sums)(edges_.data[c.of[0]] >> 1) + (Sums)(edges_.data[c.of[1]] >> 1)) +
                         ((Sums)(edges_.data[c.of[2]] >> 1) + (Sums)(edges_.data[c.of[3]] >> 1)) + least;
        std::memcpy(mixture.edge, &sum, sizeof sum);
        mixture.edge[kSymbols] = 0;
    }
    void update(const Contexts& c, int symbol) {
        const Edges target = (kIndex > static_cast<int16_t>(symbol)) & static_cast<int16_t>(kTop);
        // Rounded up or down by turns, which is almost exact in the mean and keeps sums within 16 bits.
        dither_ = (dither_ + 64 + 32) & 96;
        for (int set = 0; set < kSets; set++) {
            const int i = c.of[set];
            const int16_t rate = rate_[seen_.data[i]], dither = static_cast<int16_t>(dither_ >> (7 - rate));
            seen_.data[i] = static_cast<uint8_t>(seen_.data[i] + (seen_.data[i] < 255));
            edges_.data[i] += (target - edges_.data[i] + dither) >> rate;
        }
    }

  private:
    Array<Edges> edges_;
    Array<uint8_t> seen_;
    uint8_t rate_[256];
    int dither_ = 0;
};

// Probability out of 2^16 that a run of voxels repeats its equal surroundings.
struct RepeatModel {
    int32_t probability = 60000;
    void update(bool repeated) { probability += ((repeated ? 65500 : 36) - probability) / 64; }
};
