// Frames of a group with slack around each row, and the neighbours of any row.
#pragma once
#include <algorithm>
#include <limits>
#include <vector>

#include "blocks_kernels.hpp"

namespace medcodec::blocks {

// Values are stored as v - base + lowest<T>(): the smallest voxel is the smallest T. Frames are worked on in their
// order, and kept as long as one may refer to them.
template <class T>
class Planes {
  public:
    // Frames are whole when they are worked on, or else get their rows one by one. Then up to kWavefront may be worked
    // on at a time, each at least two rows behind the one before.
    Planes(const Shape& shape, bool whole)
        : shape_(shape),
          stride_(kPadLeft + shape.width + kPadRight),
          floor_(static_cast<std::size_t>(stride_), std::numeric_limits<T>::min()) {
        const std::int64_t frames = shape.sequences * shape.frames, back = shape.sequences > 1 ? shape.frames : 1;
        std::int64_t rows = 0;
        // By rows, a frame takes the place of the last one that it refers to, two rows further up: nothing looks at
        // those any more. Where frames are short, that would be no gain.
        if (!whole && shape.height > 2 * kWavefront) {
            const std::int64_t links = (frames - 1) / back, chain = shape.height + 2 * links;
            for (std::int64_t n = 0; n < frames; ++n) first_rows_.push_back(n % back * chain + 2 * (links - n / back));
            rows = back * chain;
        } else {
            const std::int64_t kept = std::min(frames, back + (whole ? 1 : kWavefront));
            for (std::int64_t n = 0; n < frames; ++n) first_rows_.push_back(n % kept * shape.height);
            rows = kept * shape.height;
        }
        data_.resize(static_cast<std::size_t>(rows * stride_ + kPadRight));
    }

    const Shape& shape() const { return shape_; }
    T* row(std::int64_t s, std::int64_t f, std::int64_t y) {
        return data_.data() + (first_row(s, f) + y) * stride_ + kPadLeft;
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
    std::int64_t first_row(std::int64_t s, std::int64_t f) const {
        return first_rows_[static_cast<std::size_t>(s * shape_.frames + f)];
    }
    // The place of r, in frame f of sequence s, so many frames before.
    const T* back(const T* r, std::int64_t s, std::int64_t f, std::int64_t frames) const {
        return r + (first_row(s, f - frames) - first_row(s, f)) * stride_;
    }

    Shape shape_;
    std::ptrdiff_t stride_;
    std::vector<std::int64_t> first_rows_;  // of each frame
    std::vector<T> data_;
    std::vector<T> floor_;
};

// Clipped residual magnitudes of a chain of frames, even and odd columns apart, with zeros around. A row takes the place
// of one of the frame before, two rows further up, that no context looks at any more.
class Activity {
  public:
    Activity(std::int64_t height, std::int64_t width)
        : rows_(height + 2),
          even_columns_((width + 1) / 2),
          stride_(2 * (even_columns_ + kPadRight)),
          data_(height ? static_cast<std::size_t>(rows_ * stride_ + kPadLeft) : 0) {}
    std::uint16_t* even(std::int64_t frame, std::int64_t y) {
        const std::int64_t place = (2 * frame) % rows_;
        return data_.data() + (y >= place ? y - place : y - place + rows_) * stride_ + kPadLeft;
    }
    std::uint16_t* odd(std::int64_t frame, std::int64_t y) { return even(frame, y) + even_columns_ + kPadRight; }

  private:
    std::int64_t rows_, even_columns_;
    std::ptrdiff_t stride_;
    std::vector<std::uint16_t> data_;
};

// The activity of the frames that a frame's contexts look at. First frames are a chain of their own if there are
// several sequences: each is kept until the next sequence has used it.
class ActivityStore {
  public:
    explicit ActivityStore(const Shape& shape)
        : shape_(shape),
          apart_(shape.sequences > 1),
          first_(apart_ ? shape.height : 0, shape.width),
          others_(apart_ && shape.frames == 1 ? 0 : shape.height, shape.width),
          zeros_(static_cast<std::size_t>(kPadLeft + shape.width / 2 + 1 + kPadRight)) {}

    std::uint16_t* even(std::int64_t s, std::int64_t f, std::int64_t y) {
        return apart_ && f == 0 ? first_.even(s, y) : others_.even(f, y);
    }
    std::uint16_t* odd(std::int64_t s, std::int64_t f, std::int64_t y) {
        return apart_ && f == 0 ? first_.odd(s, y) : others_.odd(f, y);
    }
    ActivityRows rows(std::int64_t s, std::int64_t f, std::int64_t y) {
        const bool intra = frame_class(s, f) == kIntra;
        ActivityRows a{};
        a.even = even(s, f, y);
        if (y > 0) {
            const std::int64_t north2 = y > 1 ? y - 2 : y - 1;
            a.north_even = even(s, f, y - 1), a.north_odd = odd(s, f, y - 1);
            a.north2_even = even(s, f, north2), a.north2_odd = odd(s, f, north2);
        } else if (intra) {
            a.north_even = a.north_odd = a.north2_even = a.north2_odd = zeros_.data() + kPadLeft;
        }
        if (intra) return a;
        const std::int64_t rs = f > 0 ? s : s - 1, rf = f > 0 ? f - 1 : f;
        const std::int64_t below = y + 1 < shape_.height ? y + 1 : y;
        if (y == 0) {
            a.north_even = a.north2_even = even(rs, rf, 0);
            a.north_odd = a.north2_odd = odd(rs, rf, 0);
        }
        a.ref_even = even(rs, rf, y), a.ref_odd = odd(rs, rf, y);
        a.below_even = even(rs, rf, below), a.below_odd = odd(rs, rf, below);
        return a;
    }

  private:
    Shape shape_;
    bool apart_;
    Activity first_, others_;
    std::vector<std::uint16_t> zeros_;
};

}  // namespace medcodec::blocks
