#include "pixels.hpp"

#include <algorithm>
#include <vector>

namespace medcodec {
namespace {

constexpr int kReach = 4;  // of the mean that detail is told from: 9 x 9 pixels
constexpr int kArea = (2 * kReach + 1) * (2 * kReach + 1);

// Sums over 9 x 9 pixels; beyond the border the picture goes on with its last pixel.
std::vector<int64_t> box_sums(Picture size, const int32_t* picture) {
    const auto height = static_cast<ptrdiff_t>(size.height), width = static_cast<ptrdiff_t>(size.width);
    std::vector<int64_t> rows(size.height * size.width), sums(rows.size());
    for (ptrdiff_t y = 0; y < height; y++) {
        const int32_t* row = picture + y * width;
        int64_t sum = 0;
        for (ptrdiff_t x = -kReach; x <= kReach; x++) sum += row[std::clamp<ptrdiff_t>(x, 0, width - 1)];
        for (ptrdiff_t x = 0; x < width; x++) {
            rows[static_cast<size_t>(y * width + x)] = sum;
            sum += row[std::min(x + kReach + 1, width - 1)] - row[std::max<ptrdiff_t>(x - kReach, 0)];
        }
    }
    std::vector<int64_t> column(size.width, 0);
    const auto add = [&](ptrdiff_t y, int64_t sign) {
        const int64_t* row = &rows[static_cast<size_t>(std::clamp<ptrdiff_t>(y, 0, height - 1) * width)];
        for (size_t x = 0; x < size.width; x++) column[x] += sign * row[x];
    };
    for (ptrdiff_t y = -kReach; y <= kReach; y++) add(y, 1);
    for (ptrdiff_t y = 0; y < height; y++) {
        std::copy(column.begin(), column.end(), sums.begin() + y * width);
        add(y + kReach + 1, 1);
        add(y - kReach, -1);
    }
    return sums;
}

int16_t rounded(double value) {
    value = std::clamp(value, -127.0, 127.0);
    return static_cast<int16_t>(static_cast<int32_t>(value + 128.5) - 128);
}

// Writes channels one after the other, four for every value of a pixel: where pixel (y, x) of the first goes. An odd
// picture's last row or column is repeated.
class Channels {
  public:
    Channels(Picture size, int16_t* out) : size_(size), out_(out) {}

    template <class Value>
    void add(Value value) {
        const size_t rows = size_.half_height(), columns = size_.half_width();
        for (size_t phase = 0; phase < 4; phase++)
            for (size_t y = 0; y < rows; y++) {
                const size_t from_y = std::min(2 * y + phase / 2, size_.height - 1);
                const size_t from = from_y * size_.width, last = size_.width - 1;
                for (size_t x = 0; x < columns; x++) out_[x] = rounded(value(from + std::min(2 * x + phase % 2, last)));
                out_ += columns;
            }
    }

  private:
    Picture size_;
    int16_t* out_;
};

// What tells a picture from the mean around.
class Detail {
  public:
    Detail(Picture size, const int32_t* picture, int32_t step)
        : picture_(picture), sums_(box_sums(size, picture)), scale_(1.0 / (double{kArea} * step)) {}

    // In 16/`units` of a step.
    auto in(double units) const {
        return [picture = picture_, sums = sums_.data(), scale = units * scale_](size_t i) {
            return static_cast<double>(int64_t{picture[i]} * kArea - sums[i]) * scale;
        };
    }

  private:
    const int32_t* picture_;
    std::vector<int64_t> sums_;
    double scale_;
};

auto difference(const int32_t* a, const int32_t* b, double scale) {
    return [=](size_t i) { return (a[i] - b[i]) * scale; };
}

}  // namespace

void fuse_features(Picture size, const int32_t* first, const int32_t* second, int32_t step, int16_t* out) {
    std::vector<int32_t> twice(size.height * size.width);
    for (size_t i = 0; i < twice.size(); i++) twice[i] = first[i] + second[i];
    const Detail detail(size, twice.data(), step);
    Channels channels(size, out);
    for (const double units : {32.0, 4.0}) {
        channels.add(difference(first, second, units / step));
        channels.add(detail.in(units));
    }
}

void enhance_features(Picture size, const int32_t* picture, const int32_t* prediction, int32_t step, bool more, int16_t* out) {
    const Detail detail(size, picture, step);
    Channels channels(size, out);
    channels.add(detail.in(128));
    channels.add(detail.in(16));
    channels.add(difference(picture, prediction, 128.0 / step));
    if (!more) return;
    channels.add(detail.in(1024));
    channels.add(difference(picture, prediction, 1024.0 / step));
}

void postfilter_features(Picture size, const int32_t* picture, const int32_t* previous, const int32_t* following, int32_t step,
                         int16_t* out) {
    const Detail detail(size, picture, step);
    Channels channels(size, out);
    channels.add(detail.in(512));
    channels.add(detail.in(64));
    for (const int32_t* other : {previous, following})
        channels.add(difference(other ? other : picture, picture, 512.0 / step));
}

void add_correction(Picture size, const int32_t* base, const int16_t* correction, int32_t step, int32_t top, int32_t* out) {
    const size_t rows = size.half_height(), columns = size.half_width();
    for (size_t y = 0; y < size.height; y++)
        for (size_t x = 0; x < size.width; x++) {
            const size_t phase = y % 2 * 2 + x % 2, at = y * size.width + x;
            const int64_t change = int64_t{correction[(phase * rows + y / 2) * columns + x / 2]} * step;
            out[at] = static_cast<int32_t>(std::clamp<int64_t>(base[at] + ((change + (1 << 12)) >> 13), 0, top));
        }
}

}  // namespace medcodec
