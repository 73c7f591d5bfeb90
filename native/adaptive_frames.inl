// Padded float copies of the frames in use, and access to the levels in their own width.

struct LevelRows {
    void* levels;
    int bytes;
    int64_t width;
    float get(int64_t index) const {
        switch (bytes) {
            case 1: return static_cast<float>(static_cast<const uint8_t*>(levels)[index]);
            case 2: return static_cast<float>(static_cast<const uint16_t*>(levels)[index]);
            default: return static_cast<float>(static_cast<const uint32_t*>(levels)[index]);
        }
    }
    void read(int64_t row, float* out) const {
        for (int64_t x = 0, i = row * width; x < width; x++) out[x] = get(i + x);
    }
    void write(int64_t row, const float* in) const {
        const int64_t first = row * width;
        for (int64_t x = 0; x < width; x++) {
            const auto level = static_cast<uint32_t>(in[x]);
            if (bytes == 1) static_cast<uint8_t*>(levels)[first + x] = static_cast<uint8_t>(level);
            else if (bytes == 2) static_cast<uint16_t*>(levels)[first + x] = static_cast<uint16_t>(level);
            else static_cast<uint32_t*>(levels)[first + x] = level;
        }
    }
};

// A few rows of several planes around the row that is being coded, padded on every side. All share one allocation, so
// that a tap is an offset whichever plane it is in.
struct Window {
    int height, width, stride;
    int64_t size;  // of a plane
    int top = 0;   // first row that is held; rows above the first of the frame have negative numbers
    Array<float> block;
    Window(int h, int w, int planes)
        : height(h), width(w), stride(w + 2 * kPad), size(static_cast<int64_t>(stride) * kRows),
          block(static_cast<size_t>(size * planes)) {}
    float* row(int plane, int y) { return block.data + size * plane + static_cast<int64_t>(y - top) * stride + kPad; }

    void start_frame() { top = -kPad; }
    // Make room for row y + kAhead; rows from y - kPad on are kept.
    void advance(int y) {
        if (y + kAhead - top < kRows) return;
        const size_t kept = static_cast<size_t>(kPad + kAhead) * stride;
        for (float* plane = block.data; plane < block.data + block.size; plane += size)
            std::memmove(plane, plane + static_cast<int64_t>(y - kPad - top) * stride, kept * sizeof(float));
        top = y - kPad;
    }
    void pad_sides(float* row) const {
        for (int x = 1; x <= kPad; x++) row[-x] = row[0], row[width - 1 + x] = row[width - 1];
    }
    // A plane's row y of a known frame, whose edges are repeated; `read` fills its columns from a row of the frame.
    template <class Read>
    void load(int plane, int y, Read read) {
        float* target = row(plane, y);
        read(y < 0 ? 0 : y < height ? y : height - 1, target);
        pad_sides(target);
    }

    static constexpr int kAhead = 2;  // rows below that a tap reaches
    static constexpr int kRows = 48;
};
