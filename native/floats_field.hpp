// What is known around a voxel: rings of recent frames with borders, and the causal neighbours.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace floats {

struct Shape {
    int64_t sequences, frames, height, width;
};

// One item per voxel of the last `slots` frames, with a border on all sides.
template <class T>
class Ring {
public:
    static constexpr int side = 3, above = 2, below = 1;

    Ring(int64_t slots, int64_t height, int64_t width)
        : slots_(slots), height_(height), width_(width), stride_(width + 2 * side),
          size_(stride_ * (height + above + below)), data_(static_cast<size_t>(slots * size_)) {}

    T* frame(int64_t n) { return data_.data() + (n % slots_) * size_ + above * stride_ + side; }

    void begin_frame(int64_t n, int64_t before) {
        now = frame(n);
        then = frame(before);
    }

    // A row goes on to the left as its upper neighbour begins; the first row as `first`.
    void begin_row(int64_t y, T first) {
        T* row = now + y * stride_;
        for (int n = 1; n <= side; ++n) row[-n] = y ? row[-stride_] : first;
    }

    // Above the first row lies the west neighbour of each voxel.
    void extend_above(int64_t x) {
        for (int64_t n = x ? x + side - 1 : -side; n < x + side; ++n) {
            now[n - stride_] = now[n - 2 * stride_] = now[x - 1];
        }
    }

    void end_row(int64_t y) {
        T* end = now + y * stride_ + width_;
        for (int n = 0; n < side; ++n) end[n] = end[-1];
    }

    void end_frame() {
        T* row = now + height_ * stride_;
        for (int64_t n = -side; n < width_ + side; ++n) row[n] = row[n - stride_];
    }

    T *now = nullptr, *then = nullptr;  // first voxel of this frame and of the one before

private:
    int64_t slots_, height_, width_, stride_, size_;
    std::vector<T> data_;
};

// Values around one voxel; what is missing is null.
struct Around {
    const double *here, *before, *second, *aside;  // this frame, the two before, the sequence before
    int64_t stride;
};

// Writes the neighbours' differences to the west neighbour: 4 * Blocks of them.
template <int Blocks>
inline void gather(const Around& around, double* x) {
    const double* v = around.here;
    const int64_t s = around.stride;
    const double west = v[-1];
    const int64_t same[12] = {-s, -s - 1, -s + 1, -2, -2 * s, -s - 2, -s + 2, -2 * s - 1, -2 * s + 1, -3, -s - 3, -2 * s + 2};
    const int count = Blocks == 3 ? 12 : 10;
    for (int n = 0; n < count; ++n) x[n] = v[same[n]] - west;
    if constexpr (Blocks > 3) {
        const int64_t near[9] = {0, -1, 1, -s, s, -s - 1, -s + 1, s - 1, s + 1};
        for (int n = 0; n < 9; ++n) x[10 + n] = around.before ? around.before[near[n]] - west : 0;
        x[19] = around.second ? around.second[0] - west : 0;
    }
    if constexpr (Blocks > 5) {
        const int64_t near[4] = {0, -1, 1, s};
        for (int n = 0; n < 4; ++n) x[20 + n] = around.aside ? around.aside[near[n]] - west : 0;
    }
}

}  // namespace floats
