// Sixteen floats in as many registers as the processor needs for them. Lanes never mix.

#if defined(__AVX512F__)
constexpr int kPieceLanes = 16;
#elif defined(__AVX__)
constexpr int kPieceLanes = 8;
#else
constexpr int kPieceLanes = 4;
#endif
constexpr int kPieces = kLanes / kPieceLanes;

typedef float Piece __attribute__((vector_size(kPieceLanes * 4)));
typedef float PieceAnywhere __attribute__((vector_size(kPieceLanes * 4), aligned(4)));
typedef int32_t WholePiece __attribute__((vector_size(kPieceLanes * 4)));
typedef int32_t WholePieceAnywhere __attribute__((vector_size(kPieceLanes * 4), aligned(4)));

struct Wide {
    Piece piece[kPieces];

    float operator[](int lane) const { return piece[lane / kPieceLanes][lane % kPieceLanes]; }
    // Lanes that are not numbers, or not smaller than `limit` in absolute value, become zero.
    Wide unless_beyond(float limit) const {
        Wide out;
        for (int i = 0; i < kPieces; i++) {
            const Piece size = piece[i] < 0 ? -piece[i] : piece[i];
            out.piece[i] = size < limit ? piece[i] : Piece{};
        }
        return out;
    }
};

#define MEDCODEC_WIDE_OPERATOR(op)                                                          \
    inline Wide operator op(const Wide& a, const Wide& b) {                                 \
        Wide out;                                                                           \
        for (int i = 0; i < kPieces; i++) out.piece[i] = a.piece[i] op b.piece[i];          \
        return out;                                                                         \
    }                                                                                       \
    inline Wide& operator op##=(Wide& a, const Wide& b) {                                   \
        for (int i = 0; i < kPieces; i++) a.piece[i] = a.piece[i] op b.piece[i];            \
        return a;                                                                           \
    }
MEDCODEC_WIDE_OPERATOR(+)
MEDCODEC_WIDE_OPERATOR(-)
MEDCODEC_WIDE_OPERATOR(*)
MEDCODEC_WIDE_OPERATOR(/)
#undef MEDCODEC_WIDE_OPERATOR

inline Wide wide(float value) {
    Wide out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = Piece{} + value;
    return out;
}
inline Wide load(const float* p) {
    Wide out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = (Piece)(*reinterpret_cast<const PieceAnywhere*>(p + i * kPieceLanes));
    return out;
}
inline void store(float* p, const Wide& v) {
    for (int i = 0; i < kPieces; i++) *reinterpret_cast<PieceAnywhere*>(p + i * kPieceLanes) = (PieceAnywhere)v.piece[i];
}
inline Wide larger(const Wide& a, const Wide& b) {
    Wide out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = a.piece[i] > b.piece[i] ? a.piece[i] : b.piece[i];
    return out;
}
inline Wide absolute(const Wide& a) {
    Wide out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = a.piece[i] < 0 ? -a.piece[i] : a.piece[i];
    return out;
}

// The lanes without their fractions as 16-bit integers, in an order that only the number of registers decides.
inline void store_integers(int16_t* p, const Wide& v) {
#if defined(__AVX512F__)
    _mm256_store_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(_mm512_cvttps_epi32((__m512)v.piece[0])));
#elif defined(__AVX2__)
    _mm256_store_si256(reinterpret_cast<__m256i*>(p), _mm256_packs_epi32(_mm256_cvttps_epi32((__m256)v.piece[0]),
                                                                         _mm256_cvttps_epi32((__m256)v.piece[1])));
#elif defined(__SSE2__)
    for (int i = 0; i < kPieces; i += 2)
        _mm_store_si128(reinterpret_cast<__m128i*>(p + 4 * i),
                        _mm_packs_epi32(_mm_cvttps_epi32((__m128)v.piece[i]), _mm_cvttps_epi32((__m128)v.piece[i + 1])));
#else
    for (int lane = 0; lane < kLanes; lane++) p[lane] = static_cast<int16_t>(v[lane]);
#endif
}

// Sixteen integers.
struct WideWhole {
    WholePiece piece[kPieces];
};
// Calls f with each piece of the arguments, which makes a piece of the result.
template <class Result, class F, class... Args>
inline Result piecewise(F f, const Args&... args) {
    Result out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = f(args.piece[i]...);
    return out;
}
inline WideWhole load(const int32_t* p) {
    WideWhole out;
    for (int i = 0; i < kPieces; i++) out.piece[i] = (WholePiece)(*reinterpret_cast<const WholePieceAnywhere*>(p + i * kPieceLanes));
    return out;
}
inline void store(int32_t* p, const WideWhole& v) {
    for (int i = 0; i < kPieces; i++)
        *reinterpret_cast<WholePieceAnywhere*>(p + i * kPieceLanes) = (WholePieceAnywhere)v.piece[i];
}
inline Wide real(const WideWhole& v) {
    return piecewise<Wide>([](WholePiece p) { return __builtin_convertvector(p, Piece); }, v);
}
// Without fractions.
inline WideWhole whole(const Wide& v) {
    return piecewise<WideWhole>([](Piece p) { return __builtin_convertvector(p, WholePiece); }, v);
}
inline WideWhole bounded(const WideWhole& v, int low, int high) {
    return piecewise<WideWhole>(
        [low, high](WholePiece p) {
            p = p < low ? WholePiece{} + low : p;
            return p > high ? WholePiece{} + high : p;
        },
        v);
}
