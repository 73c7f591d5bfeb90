// Warping a frame by a field, compiled once per instruction set (see motion_*.cpp).
#include <cstring>

#include "motion.hpp"

namespace {

using medcodec::kMotionReach;
using medcodec::MotionGrid;
using medcodec::MotionSource;

typedef int32_t Lanes8 __attribute__((vector_size(32)));
typedef int32_t Lanes4 __attribute__((vector_size(16)));

// Eight taps at each sixteenth of a pixel; they sum to 64.
#include "motion_taps.inl"

inline Lanes8 load(const int32_t* p) {
    Lanes8 lanes;
    std::memcpy(&lanes, p, sizeof lanes);
    return lanes;
}

inline int32_t sum_lanes(const Lanes8& v) {
    const Lanes4 a = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
    const Lanes4 b = a + __builtin_shufflevector(a, a, 2, 3, 0, 1);
    return b[0] + b[1];
}

// Values are below 2^17 in size and the taps' sizes sum to at most 112: sums stay below 2^30.
inline int32_t interpolate(const int32_t* centre, ptrdiff_t stride, int phase_y, int phase_x) {
    const int32_t* row = centre - 3 * stride - 3;
    const int32_t* taps = kTaps[phase_y];
    Lanes8 sum = load(row) * taps[0];
    for (int k = 1; k < 8; k++) sum += load(row + k * stride) * taps[k];
    return (sum_lanes(sum * load(kTaps[phase_x])) + (1 << 11)) >> 12;
}

inline int32_t clamp(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }

// One component of the field along the pixels of a row between two nodes.
struct Ramp {
    int32_t value, step;
    int32_t magnitude, half, shift;
    int32_t sign;  // -1 to negate

    Ramp(const MotionGrid& grid, int component, int top, int bottom, int fraction, int left, int right, int scale)
        : magnitude(2 * (scale < 0 ? -scale : scale)),
          half(1 << (2 * grid.spacing_log2 + 7)),
          shift(2 * grid.spacing_log2 + 8),
          sign(scale < 0 ? -1 : 0) {
        const int spacing = 1 << grid.spacing_log2;
        const auto at = [&](int column) {
            return grid.vectors[2 * (static_cast<size_t>(top) * grid.columns + column) + component] * (spacing - fraction) +
                   grid.vectors[2 * (static_cast<size_t>(bottom) * grid.columns + column) + component] * fraction;
        };
        step = at(right) - at(left);
        value = at(left) * spacing;
    }
    // In 1/16 pixel.
    int32_t displacement(int pixel) const {
        const int32_t v = ((value + pixel * step) * magnitude + half) >> shift;
        return (v ^ sign) - sign;
    }
};

class RowWarp {
  public:
    RowWarp(const MotionSource& source, int y, int low, int high, int32_t* out)
        : source_(source), y_(y), low_(low), high_(high), out_(out) {}

    void segment(const Ramp& y, const Ramp& x, int begin, int end) const {
        if (y.step == 0 && x.step == 0 && copy(y.displacement(0), x.displacement(0), begin, end)) return;
        constexpr int kLongest = 1 << medcodec::kMotionMaxSpacingLog2;
        int32_t py[kLongest], px[kLongest];
        const int32_t bottom = 16 * (source_.height - 1 + kMotionReach), right = 16 * (source_.width - 1 + kMotionReach);
        const int count = end - begin;
        for (int i = 0; i < count; i++) {
            py[i] = clamp(16 * y_ + y.displacement(i), -16 * kMotionReach, bottom);
            px[i] = clamp(16 * (begin + i) + x.displacement(i), -16 * kMotionReach, right);
        }
        for (int i = 0; i < count; i++) {
            const int32_t* centre = source_.origin + (py[i] >> 4) * source_.stride + (px[i] >> 4);
            const int32_t v = (py[i] | px[i]) & 15 ? interpolate(centre, source_.stride, py[i] & 15, px[i] & 15) : *centre;
            out_[begin + i] = clamp(v, low_, high_);
        }
    }

  private:
    bool copy(int32_t dy, int32_t dx, int begin, int end) const {
        if ((dy | dx) & 15) return false;
        const int row = y_ + (dy >> 4), first = begin + (dx >> 4), last = end - 1 + (dx >> 4);
        if (row < 0 || row >= source_.height || first < 0 || last >= source_.width) return false;
        const int32_t* from = source_.origin + row * source_.stride + first;
        for (int i = 0; i < end - begin; i++) out_[begin + i] = clamp(from[i], low_, high_);
        return true;
    }

    const MotionSource& source_;
    int y_, low_, high_;
    int32_t* out_;
};

void warp(const MotionSource& source, const MotionGrid& grid, int scale, int low, int high, int32_t* out,
          ptrdiff_t out_stride) {
    const int spacing = 1 << grid.spacing_log2;
    for (int y = 0; y < source.height; y++) {
        const RowWarp row(source, y, low, high, out + y * out_stride);
        const int top = y >> grid.spacing_log2, bottom = top + 1 < grid.rows ? top + 1 : top;
        const int fraction = y & (spacing - 1);
        for (int left = 0; left << grid.spacing_log2 < source.width; left++) {
            const int right = left + 1 < grid.columns ? left + 1 : left;
            const int begin = left << grid.spacing_log2;
            const int end = begin + spacing < source.width ? begin + spacing : source.width;
            row.segment(Ramp(grid, 0, top, bottom, fraction, left, right, scale),
                        Ramp(grid, 1, top, bottom, fraction, left, right, scale), begin, end);
        }
    }
}

}  // namespace
