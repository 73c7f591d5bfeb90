// The rows of a frame that are in use, as floats with a margin on either side.

constexpr int kMargin = 16;       // columns on the left
constexpr int kMarginRight = 48;  // and on the right, where vectors may run over
constexpr int kMarginRows = 3;    // above the first row
constexpr int kRing = 16;         // rows that are held: those of a tile, and what their taps reach

struct Picture {
    size_t stride;
    Array<float> values;
    explicit Picture(int width) : stride(static_cast<size_t>(width) + kMargin + kMarginRight), values(kRing * stride) {}
    float* row(int y) { return values.data + static_cast<size_t>((y + kRing) % kRing) * stride + kMargin; }
    // Rows above the first repeat `above`, or are zero.
    void start(const float* above) {
        for (int y = -kMarginRows; y < 0; y++)
            if (above)
                std::memcpy(row(y) - kMargin, above - kMargin, stride * sizeof(float));
            else
                std::memset(row(y) - kMargin, 0, stride * sizeof(float));
    }
    void extend_right(int y, int width) {
        float* end = row(y) + width;
        const Wide last = wide(end[-1]);
        for (int x = 0; x < kMarginRight; x += kLanes) store(end + x, last);
    }
    void extend_left(int y, float value) {
        static_assert(kMargin == kLanes, "one vector");
        store(row(y) - kMargin, wide(value));
    }
};

template <class Level, class Number>
inline void read_levels(const void* levels, const uint16_t* level_of, size_t first, int count, Number* out) {
    const Level* from = static_cast<const Level*>(levels) + first;
    if (level_of)
        for (int i = 0; i < count; i++) out[i] = static_cast<Number>(level_of[from[i]]);
    else
        for (int i = 0; i < count; i++) out[i] = static_cast<Number>(from[i]);
}
template <class Level>
inline void write_levels(void* levels, size_t first, int count, const float* row) {
    Level* to = static_cast<Level*>(levels) + first;
    for (int i = 0; i < count; i++) to[i] = static_cast<Level>(static_cast<int32_t>(row[i]));
}
