// Rows of 32 columns, one operation at a time: what the encoder and the scalar decoder share.
#pragma once
#include <algorithm>

#include "blocks_rows.hpp"

namespace medcodec::blocks::rows {

// The voxels of a row as signed 16-bit numbers of full range, even and odd columns apart, with their neighbours on
// the left and right.
struct Planes {
    std::int16_t even[kHalf], odd[kHalf];
    std::int16_t odd_before[kHalf];                     // one to the left of the even columns
    std::int16_t even_before[kHalf], even_after[kHalf];  // two to the left, two to the right of them
};

struct Row {
    Planes planes;
    std::uint8_t activity[kSide];
    std::uint8_t around[kSide];  // twice the activity, and that of both neighbours
};

struct Frame {
    Row row[kSide];
};

// Frames that later ones look at: the first one of this sequence and of the one before, and the last two.
class History {
  public:
    History() : frames_(4), none_() {}
    // Frame `f` of sequence `s`, to be filled, and the one it refers to (null if there is none).
    Frame* current(int s, int f) { return &frames_[static_cast<std::size_t>(f ? 2 + f % 2 : s % 2)]; }
    const Frame* reference(int s, int f) {
        if (f) return current(s, f - 1);
        return s ? current(s - 1, 0) : nullptr;
    }
    const Row* none() const { return &none_; }

  private:
    std::vector<Frame> frames_;
    Row none_;  // zeros
};

// The rows around row `y`.
struct Around {
    const Row *north, *north2, *here, *above, *below;  // the last three in the reference
};

inline Around rows_around(const Frame& frame, const Frame* reference, const Row* none, int y, int height) {
    Around a;
    a.here = reference ? &reference->row[y] : none;
    a.above = reference ? &reference->row[std::max(y - 1, 0)] : none;
    a.below = reference ? &reference->row[std::min(y + 1, height - 1)] : none;
    const Row* outside = reference ? &reference->row[0] : none;
    a.north = y > 0 ? &frame.row[y - 1] : outside;
    a.north2 = y > 1 ? &frame.row[y - 2] : a.north;
    return a;
}

struct Taps {
    const std::int16_t* of[kTaps];
};

inline Taps even_taps(const Around& a) {
    const Planes &p = a.here->planes, &u = a.above->planes, &d = a.below->planes, &n = a.north->planes;
    return {{p.even, p.odd, p.odd_before, u.even, d.even, u.odd, u.odd_before, d.odd, d.odd_before, n.even,
             n.odd_before, n.odd, n.even_before, n.even_after, a.north2->planes.even}};
}

inline Taps odd_taps(const Around& a, const Planes& current) {
    const Planes &p = a.here->planes, &u = a.above->planes, &d = a.below->planes, &n = a.north->planes;
    return {{p.odd, p.even_after, p.even, u.odd, d.odd, u.even_after, u.even, d.even_after, d.even, current.even,
             current.even_after, n.odd, n.even, n.even_after, a.north2->planes.odd}};
}

// From values 0..span to the numbers in the planes, which fill 16 bits, and back.
struct Scale {
    explicit Scale(std::uint32_t largest) : shift(1), span(static_cast<std::int32_t>(largest)) {
        while (largest << (shift + 1) <= 0xffff) ++shift;
    }
    std::int16_t up(std::uint16_t value) const {
        return static_cast<std::int16_t>(static_cast<std::uint16_t>(value << shift) ^ 0x8000);
    }
    // The value of half a number.
    std::int32_t down(std::int16_t half) const {
        const std::int16_t rounded = static_cast<std::int16_t>(half + ((1 << (shift - 1)) >> 1));
        const std::int32_t value = (rounded >> (shift - 1)) + (1 << (15 - shift));
        return std::min(std::max(value, 0), span);
    }
    int shift;
    std::int32_t span;
};

inline void predict(const Taps& taps, const std::int8_t* weights, const Scale& scale, std::int32_t* prediction) {
    for (int i = 0; i < kHalf; ++i) {
        std::int32_t sum = 0;
        for (int t = 0; t < kTaps; ++t) sum += ((taps.of[t][i] * (weights[t] * 256) >> 14) + 1) >> 1;
        prediction[i] = scale.down(static_cast<std::int16_t>(sum));
    }
}

inline void set_even_neighbours(Planes& p) {
    for (int i = 0; i < kHalf; ++i) {
        p.even_before[i] = p.even[std::max(i - 1, 0)];
        p.even_after[i] = p.even[std::min(i + 1, kHalf - 1)];
    }
}

inline void set_odd_neighbours(Planes& p) {
    for (int i = 0; i < kHalf; ++i) p.odd_before[i] = p.odd[std::max(i - 1, 0)];
}

// Of a row whose tokens are known; those of columns that do not exist are 0.
inline void set_activity(Row& row, const std::uint8_t* tokens, int shift) {
    for (int x = 0; x < kSide; ++x)
        row.activity[x] = static_cast<std::uint8_t>(std::min(tokens[x] >> shift, kMaxActivity));
    for (int x = 0; x < kSide; ++x)
        row.around[x] = static_cast<std::uint8_t>(2 * row.activity[x] + (x ? row.activity[x - 1] : 0) +
                                                  (x + 1 < kSide ? row.activity[x + 1] : 0));
}

inline int activity_at(const Around& a, int x) {
    return a.north->around[x] + a.here->around[x] + a.above->activity[x] + a.below->activity[x];
}

inline int context_at(const Settings& settings, int activity, int x) {
    const std::uint8_t* thresholds = settings.thresholds[x & 1];
    int level = 0;
    for (int i = 0; i < kLevels - 1; ++i) level += activity >= thresholds[i];
    return (x & 1) * kLevels + level;
}

// The column whose token is the `n`-th of a row.
inline int column_at(int n) {
    return n % 8 * 4 + n / 8;
}

}  // namespace medcodec::blocks::rows
