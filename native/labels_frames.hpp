// Padded frames: neighbourhoods can be read 8 voxels at a time without looking at the borders.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace labels {

constexpr int kPadX = 16;
constexpr int kPadY = 3;

class PaddedFrame {
public:
    PaddedFrame(size_t height, size_t width)
        : height_(height), width_(width), stride_(width + 2 * kPadX), data_((height + 2 * kPadY) * stride_) {}

    uint8_t* row(ptrdiff_t y) { return data_.data() + (y + kPadY) * stride_ + kPadX; }
    const uint8_t* row(ptrdiff_t y) const { return data_.data() + (y + kPadY) * stride_ + kPadX; }

    // Fills the whole frame; borders repeat the nearest voxel.
    void load(const uint8_t* voxels) {
        for (size_t y = 0; y < height_; ++y) {
            std::memcpy(row(y), voxels + y * width_, width_);
            std::memset(row(y) - kPadX, row(y)[0], kPadX);
            std::memset(row(y) + width_, row(y)[width_ - 1], kPadX);
        }
        for (int i = 1; i <= kPadY; ++i) {
            std::memcpy(row(-i) - kPadX, row(0) - kPadX, stride_);
            std::memcpy(row(height_ - 1 + i) - kPadX, row(height_ - 1) - kPadX, stride_);
        }
    }

    void clear() { std::memset(data_.data(), 0, data_.size()); }

    // Before row y is coded: its borders are known from the row above.
    void open_row(ptrdiff_t y) { std::memset(row(y) - kPadX, row(y - 1)[0], kPadX); }

    void close_row(ptrdiff_t y) { std::memset(row(y) + width_, row(y)[width_ - 1], kPadX); }

private:
    size_t height_, width_, stride_;
    std::vector<uint8_t> data_;
};

// Causal surroundings of the voxel at column x of row y.
struct Site {
    const uint8_t* w;     // current row, at x (only the left is known)
    const uint8_t* n[3];  // rows above, at x
    const uint8_t* r1[5];  // first reference, rows y-2..y+2, at x
    const uint8_t* r2[3];  // second reference, rows y-1..y+1, at x
    size_t x, y;
    int references;  // how many of the two are real
    int expected = -1;  // symbol that the match model expects, or -1
    int expected_length = 0;
};

// Bit i is set where byte i of the 8 bytes at p equals label.
inline uint32_t equal_mask(const uint8_t* p, uint8_t label) {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= uint64_t{p[i]} << (8 * i);
    constexpr uint64_t low7 = 0x7F7F7F7F7F7F7F7Full;
    const uint64_t x = word ^ (label * 0x0101010101010101ull);
    const uint64_t zero = ~(((x & low7) + low7) | x | low7);
    return static_cast<uint32_t>(((zero >> 7) * 0x0102040810204080ull) >> 56);
}

}  // namespace labels
