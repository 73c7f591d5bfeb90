// What the coder and the estimator of motion share: the prediction of a vector, and frames with padding.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "motion.hpp"

namespace medcodec {

inline int motion_median(int a, int b, int c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }

// One component of a vector from its causal neighbours: left, above, and above to the right (to the left at the end).
inline int motion_predict(const int16_t* vectors, int columns, int row, int column, int component) {
    const int16_t* here = vectors + 2 * (static_cast<size_t>(row) * columns + column) + component;
    const ptrdiff_t up = 2 * static_cast<ptrdiff_t>(columns);
    if (row == 0) return column == 0 ? 0 : here[-2];
    if (column == 0) return here[-up];
    return motion_median(here[-2], here[-up], column + 1 < columns ? here[2 - up] : here[-2 - up]);
}

class PaddedFrame {
  public:
    PaddedFrame(int height, int width)
        : height(height), width(width), stride_(width + 2 * kMotionPadding),
          values_(static_cast<size_t>(height + 2 * kMotionPadding) * stride_) {}

    int32_t* row(int y) { return values_.data() + (y + kMotionPadding) * stride_ + kMotionPadding; }
    const int32_t* row(int y) const { return values_.data() + (y + kMotionPadding) * stride_ + kMotionPadding; }
    ptrdiff_t stride() const { return stride_; }
    MotionSource source() const { return {row(0), stride_, height, width}; }

    static PaddedFrame of(const int32_t* frame, int height, int width, int shift = 0) {
        PaddedFrame padded(height, width);
        for (int y = 0; y < height; y++) {
            int32_t* to = padded.row(y);
            const int32_t* from = frame + static_cast<size_t>(y) * width;
            for (int x = 0; x < width; x++) to[x] = from[x] >> shift;
        }
        padded.pad();
        return padded;
    }

    void pad() {
        for (int y = 0; y < height; y++) {
            int32_t* line = row(y);
            std::fill(line - kMotionPadding, line, line[0]);
            std::fill(line + width, line + width + kMotionPadding, line[width - 1]);
        }
        for (int k = 1; k <= kMotionPadding; k++) {
            std::copy_n(row(0) - kMotionPadding, stride_, row(-k) - kMotionPadding);
            std::copy_n(row(height - 1) - kMotionPadding, stride_, row(height - 1 + k) - kMotionPadding);
        }
    }

    const int height, width;

  private:
    ptrdiff_t stride_;
    std::vector<int32_t> values_;
};

}  // namespace medcodec
