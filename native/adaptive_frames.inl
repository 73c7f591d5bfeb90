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

// Frames share one allocation, so that a tap is an offset whichever frame it is in.
struct Frames {
    int height, width, stride;
    int64_t size;
    Array<float> block;
    Frames(int h, int w, int count)
        : height(h), width(w), stride(w + 2 * kPad), size(static_cast<int64_t>(stride) * (h + 2 * kPad)),
          block(static_cast<size_t>(size * count)) {}
    float* at(int frame) { return block.data + size * frame + kPad * stride + kPad; }

    void pad_sides(float* row) const {
        for (int x = 1; x <= kPad; x++) row[-x] = row[0], row[width - 1 + x] = row[width - 1];
    }
    void pad_ends(float* frame) const {
        const size_t bytes = static_cast<size_t>(stride) * sizeof(float);
        for (int y = 1; y <= kPad; y++) {
            std::memcpy(frame - y * stride - kPad, frame - kPad, bytes);
            std::memcpy(frame + (height - 1 + y) * stride - kPad, frame + (height - 1) * stride - kPad, bytes);
        }
    }
    void load(int frame, const LevelRows& rows, int64_t first_row) {
        float* target = at(frame);
        for (int y = 0; y < height; y++) {
            rows.read(first_row + y, target + y * stride);
            pad_sides(target + y * stride);
        }
        pad_ends(target);
    }
};
