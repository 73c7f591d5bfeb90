// Frames of a group with slack around each row, and the neighbours of any row.
#pragma once
#include <algorithm>
#include <limits>
#include <vector>

#include "blocks_kernels.hpp"

namespace medcodec::blocks {

// Values are stored as v - base + lowest<T>(): the smallest voxel is the smallest T. Frames are worked on in their
// order, and kept as long as one of the next `together` may refer to them.
template <class T>
class Planes {
  public:
    Planes(const Shape& shape, std::int64_t together)
        : shape_(shape),
          kept_(std::min(shape.sequences * shape.frames, together + (shape.sequences > 1 ? shape.frames : 1))),
          stride_(kPadLeft + shape.width + kPadRight),
          data_(static_cast<std::size_t>(kept_ * shape.height * stride_ + kPadRight)),
          floor_(static_cast<std::size_t>(stride_), std::numeric_limits<T>::min()) {}

    const Shape& shape() const { return shape_; }
    T* row(std::int64_t s, std::int64_t f, std::int64_t y) {
        return data_.data() + (slot(s, f) * shape_.height + y) * stride_ + kPadLeft;
    }
    const T* row(std::int64_t s, std::int64_t f, std::int64_t y) const {
        return const_cast<Planes*>(this)->row(s, f, y);
    }
    // Row y of the first reference: the frame before, or else the same frame of the sequence before.
    const T* reference(std::int64_t s, std::int64_t f, std::int64_t y) const {
        return f > 0 ? row(s, f - 1, y) : row(s - 1, f, y);
    }
    // The row above; above the frame, row 0 of the reference, and without one the smallest value.
    const T* above(std::int64_t s, std::int64_t f, std::int64_t y) const {
        if (y > 0) return row(s, f, y - 1);
        return frame_class(s, f) == kIntra ? floor_.data() + kPadLeft : reference(s, f, 0);
    }
    void set_left_pad(std::int64_t s, std::int64_t f, std::int64_t y) {
        T* r = row(s, f, y);
        r[-1] = r[-2] = above(s, f, y)[0];
    }
    void set_right_pad(std::int64_t s, std::int64_t f, std::int64_t y) {
        T* r = row(s, f, y);
        r[shape_.width] = r[shape_.width - 1];
    }

    RowTaps<T> taps(std::int64_t s, std::int64_t f, std::int64_t y) const {
        RowTaps<T> taps;
        set_taps(s, f, y, taps);
        return taps;
    }
    void set_taps(std::int64_t s, std::int64_t f, std::int64_t y, RowTaps<T>& t) const {
        // All from one row's address: finding each anew would take longer than summing the taps of a short row.
        const T* r = row(s, f, y);
        const int cls = frame_class(s, f);
        const T* p = cls == kIntra ? floor_.data() + kPadLeft : back(r, s, f, f > 0 ? 1 : shape_.frames);
        const T* n = y > 0 ? r - stride_ : p;
        // One by one: as an array they would pass through the stack, in pieces that the processor waits for.
        t.tap[kW] = r - 1, t.tap[kWW] = r - 2;
        t.tap[kN] = n, t.tap[kNW] = n - 1, t.tap[kNE] = n + 1;
        t.tap[kNN] = y > 1 ? n - stride_ : n;
        if (cls == kIntra) return;
        const T* pn = y > 0 ? p - stride_ : p;
        const T* ps = y + 1 < shape_.height ? p + stride_ : p;
        t.tap[kP] = p, t.tap[kPW] = p - 1, t.tap[kPE] = p + 1;
        t.tap[kPN] = pn, t.tap[kPS] = ps;
        t.tap[kPNW] = pn - 1, t.tap[kPNE] = pn + 1, t.tap[kPSW] = ps - 1, t.tap[kPSE] = ps + 1;
        t.tap[kQ] = cls == kBoth ? back(r, s, f, shape_.frames) : p;
    }

  private:
    std::int64_t slot(std::int64_t s, std::int64_t f) const {
        const std::int64_t number = s * shape_.frames + f;
        return number < kept_ ? number : number % kept_;
    }
    // The place of r, in frame f of sequence s, so many frames before.
    const T* back(const T* r, std::int64_t s, std::int64_t f, std::int64_t frames) const {
        const std::ptrdiff_t frame = shape_.height * stride_;
        return slot(s, f) >= frames ? r - frames * frame : r + (kept_ - frames) * frame;
    }

    Shape shape_;
    std::int64_t kept_;
    std::ptrdiff_t stride_;
    std::vector<T> data_;
    std::vector<T> floor_;
};

// Clipped residual magnitudes of one frame, even and odd columns apart, with zeros around.
class Activity {
  public:
    Activity(std::int64_t height, std::int64_t width)
        : even_columns_((width + 1) / 2),
          stride_(2 * (even_columns_ + kPadRight)),
          data_(static_cast<std::size_t>((height + 1) * stride_ + kPadLeft)) {}
    // Row -1 is zeros.
    std::uint16_t* even(std::int64_t y) { return data_.data() + (y + 1) * stride_ + kPadLeft; }
    std::uint16_t* odd(std::int64_t y) { return even(y) + even_columns_ + kPadRight; }

  private:
    std::int64_t even_columns_;
    std::ptrdiff_t stride_;
    std::vector<std::uint16_t> data_;
};

// The activity of the frames that a frame's contexts look at.
class ActivityStore {
  public:
    explicit ActivityStore(const Shape& shape) : height_(shape.height) {
        const bool used[] = {true, shape.sequences > 1, shape.frames > 2, shape.frames > 1};
        for (bool one : used) frames_.emplace_back(one ? shape.height : 0, one ? shape.width : 0);
    }

    Activity& current(std::int64_t s, std::int64_t f) { return frames_[slot(s, f)]; }
    ActivityRows rows(std::int64_t s, std::int64_t f, std::int64_t y) {
        Activity& now = current(s, f);
        const std::int64_t north2 = y > 1 ? y - 2 : y - 1;
        ActivityRows a{now.even(y - 1), now.odd(y - 1), now.even(north2), now.odd(north2), now.even(y),
                       nullptr,         nullptr,        nullptr,          nullptr};
        if (frame_class(s, f) == kIntra) return a;
        Activity& ref = f > 0 ? current(s, f - 1) : current(s - 1, f);
        const std::int64_t below = y + 1 < height_ ? y + 1 : y;
        if (y == 0) {
            a.north_even = a.north2_even = ref.even(0);
            a.north_odd = a.north2_odd = ref.odd(0);
        }
        a.ref_even = ref.even(y), a.ref_odd = ref.odd(y);
        a.below_even = ref.even(below), a.below_odd = ref.odd(below);
        return a;
    }

  private:
    // First frames are kept until the next sequence has used them; the others take turns.
    static std::size_t slot(std::int64_t s, std::int64_t f) {
        return static_cast<std::size_t>(f == 0 ? s & 1 : 2 + (f & 1));
    }
    std::int64_t height_;
    std::vector<Activity> frames_;
};

}  // namespace medcodec::blocks
