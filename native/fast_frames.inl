// Frames as rows of floats with a margin on every side.

constexpr int kMargin = 16;       // columns on the left
constexpr int kMarginRight = 48;  // and on the right, where vectors may run over
constexpr int kMarginRows = 3;    // above

struct Picture {
    size_t stride;
    Array<float> values;
    Picture(int height, int width)
        : stride(static_cast<size_t>(width) + kMargin + kMarginRight), values((height + kMarginRows) * stride) {}
    float* row(int y) { return values.data + static_cast<size_t>(y + kMarginRows) * stride + kMargin; }
    // Rows above the first repeat `above`, or are zero.
    void start(const float* above) {
        for (int y = -kMarginRows; y < 0; y++)
            if (above)
                std::memcpy(row(y) - kMargin, above - kMargin, stride * sizeof(float));
            else
                std::memset(row(y) - kMargin, 0, stride * sizeof(float));
    }
    void extend_right(int y, int width) {
        float* r = row(y);
        for (int x = width; x < width + kMarginRight; x++) r[x] = r[width - 1];
    }
    void extend_left(int y, float value) {
        float* r = row(y);
        for (int x = 1; x <= kMargin; x++) r[-x] = value;
    }
};

// The frames that may still be referred to: three of a single sequence, or all of this and the last one.
class Pictures {
  public:
    explicit Pictures(const FastGroup& g)
        : several_(g.sequences > 1), frames_(g.frames), count_(several_ ? 2 * g.frames : 3), blank_(g.height, g.width),
          room_(static_cast<size_t>(count_) * sizeof(Picture)) {
        for (; made_ < count_; made_++) new (&get(made_)) Picture(g.height, g.width);
    }
    ~Pictures() {
        while (made_) get(--made_).~Picture();
    }
    Pictures(const Pictures&) = delete;
    Pictures& operator=(const Pictures&) = delete;
    Picture& at(int sequence, int frame) { return get(several_ ? (sequence & 1) * frames_ + frame : frame % 3); }
    Picture& blank() { return blank_; }

  private:
    Picture& get(int i) { return reinterpret_cast<Picture*>(room_.data)[i]; }
    bool several_;
    int frames_, count_, made_ = 0;
    Picture blank_;
    Array<char> room_;
};

template <class Level>
inline void read_levels(const void* levels, size_t first, int count, int32_t* out) {
    const Level* from = static_cast<const Level*>(levels) + first;
    for (int i = 0; i < count; i++) out[i] = static_cast<int32_t>(from[i]);
}
template <class Level>
inline void write_levels(void* levels, size_t first, int count, const float* row) {
    Level* to = static_cast<Level*>(levels) + first;
    for (int i = 0; i < count; i++) to[i] = static_cast<Level>(static_cast<int32_t>(row[i]));
}
