#include <algorithm>
#include <cstdlib>

#include "subbands_model.hpp"

namespace subbands {
namespace {

constexpr int kCap = 4095;

// A logarithmic scale of magnitudes in sixteenths: a quarter of an octave per level.
int scale_of(uint32_t sixteenths) {
    if (sixteenths < 4) return static_cast<int>(sixteenths);
    const int top = 31 - __builtin_clz(sixteenths);
    return std::min(4 * (top - 1) + static_cast<int>(sixteenths >> (top - 2) & 3), kScaleLevels - 1);
}

int coarse(uint32_t sixteenths, int levels) { return std::min((scale_of(sixteenths) + 1) / 2, levels - 1); }

uint16_t magnitude(int32_t level) { return static_cast<uint16_t>(std::min(std::abs(level), kCap)); }

// Magnitudes as a network sees them: 16 log2(1 + m), rounded; integers only, so that all machines agree.
class Companded {
  public:
    Companded() {
        for (uint32_t m = 0; m <= kCap; m++) {
            const uint32_t log = medcodec::log2_fixed(m + 1, 5);  // in 1/32, to be rounded
            table_[m] = static_cast<int16_t>(std::min<uint32_t>((log + 1) / 2, 127));
        }
    }
    int16_t operator()(int32_t level) const { return table_[static_cast<size_t>(std::min(std::abs(level), kCap))]; }

  private:
    std::array<int16_t, kCap + 1> table_;
};

const Companded& companded() {
    static const Companded table;
    return table;
}

}  // namespace

// What does not change with the steps is gathered once: magnitudes of the parent, the siblings and other frames.
void Model::gather() {
    const Band& band = band_;
    const size_t height = band.height, width = band.width;
    stride_ = width + 4;
    magnitudes_.assign((height + 4) * stride_, 0);
    signs_.assign((height + 4) * stride_, 0);
    for (auto* plane : {&outer_, &parents_, &siblings_, &nears_}) plane->assign(height * width, 0);
    const size_t parent_width = (width + 1) / 2, parent_height = (height + 1) / 2;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t at = y * width + x;
            uint32_t parent = 0;
            if (band.parent) {
                const size_t row = y / 2, column = x / 2;
                const size_t other_row = y % 2 ? std::min(row + 1, parent_height - 1) : row - (row > 0);
                const size_t other_column = x % 2 ? std::min(column + 1, parent_width - 1) : column - (column > 0);
                parent = 10u * magnitude(band.parent[row * parent_width + column]) +
                         3u * magnitude(band.parent[other_row * parent_width + column]) +
                         3u * magnitude(band.parent[row * parent_width + other_column]);
            }
            const size_t up = y ? at - width : at, down = y + 1 < height ? at + width : at;
            const size_t left = x ? at - 1 : at, right = x + 1 < width ? at + 1 : at;
            const auto around = [&](const int32_t* plane) {
                return plane ? 4u * magnitude(plane[at]) + magnitude(plane[up]) + magnitude(plane[down]) +
                                   magnitude(plane[left]) + magnitude(plane[right])
                             : 0u;
            };
            const uint32_t siblings = around(band.siblings[0]) + around(band.siblings[1]);
            const uint32_t nears = around(band.near[0]) + around(band.near[1]);
            parents_[at] = static_cast<uint16_t>(std::min<uint32_t>(parent, 65535));
            siblings_[at] = static_cast<uint16_t>(std::min<uint32_t>(siblings, 65535));
            nears_[at] = static_cast<uint16_t>(std::min<uint32_t>(nears, 65535));
            outer_[at] = static_cast<uint16_t>(std::min<uint32_t>((2 * parent + 3 * siblings + 5 * nears) / 8, 65535));
        }
}

Model::Site Model::site_at(int step, size_t y, size_t x, const int16_t* logits) const {
    const size_t at = y * band_.width + x;
    const uint16_t* m = &magnitudes_[(y + 2) * stride_ + x + 2];
    const int8_t* s = &signs_[(y + 2) * stride_ + x + 2];
    const ptrdiff_t row = static_cast<ptrdiff_t>(stride_);
    const uint32_t cross = m[-1] + m[1] + m[-row] + m[row];
    const uint32_t diagonal = m[-row - 1] + m[-row + 1] + m[row - 1] + m[row + 1];
    const uint32_t ring = m[-2] + m[2] + m[-2 * row] + m[2 * row];
    const uint32_t corner = m[-2 * row - 2] + m[-2 * row + 2];
    // Sixteenths of a mean magnitude, of those that are decoded by this step.
    uint32_t inner;
    if (step == 0) inner = (5 * ring + 3 * corner);
    else if (step == 1) inner = 3 * diagonal + ring;
    else if (step == 2) inner = 3 * cross + ring;
    else inner = (5 * cross + 3 * diagonal + ring) / 2;
    const uint32_t outer = outer_[at];
    const uint32_t mean = step == 0 ? (inner + 3 * outer) / 4 : (inner + outer) / 2;
    Site site;
    const auto step_index = static_cast<uint32_t>(step);
    const auto part = [](int value) { return static_cast<uint32_t>(value); };
    const size_t columns = (band_.width + 1) / 2, plane = (band_.height + 1) / 2 * columns;
    for (int head = 0; head < kHeads; head++)
        site.logits[head] = logits ? std::clamp<int>(logits[static_cast<size_t>(head) * plane + y / 2 * columns + x / 2],
                                                     -kStretchLimit, kStretchLimit)
                                   : 0;
    const uint32_t flag = blocks_.empty() ? 0u : 1u + blocks_[y / kBlock * block_columns_ + x / kBlock];
    const auto few = [](int32_t value, int most) { return static_cast<uint32_t>(std::min(std::abs(value), most)); };
    const auto near_level = [&](int i) { return band_.near[i] ? band_.near[i][at] : 0; };
    const auto sibling_level = [&](int i) { return band_.siblings[i] ? band_.siblings[i][at] : 0; };
    const int32_t parent_level = band_.parent ? band_.parent[y / 2 * ((band_.width + 1) / 2) + x / 2] : 0;
    const auto net = [&](int head) { return part((site.logits[head] + kStretchLimit + 1) / 96); };
    site.contexts = {step_index * kScaleLevels + part(scale_of(mean)),
                     (step_index * 16 + part(coarse(inner, 16))) * 16 + part(coarse(outer, 16)),
                     (part(coarse(parents_[at], 12)) * 12 + part(coarse(siblings_[at], 12))) * 3 + std::min(step_index, 2u),
                     (part(coarse(nears_[at], 16)) * 8 + part(coarse(2 * cross, 8))) * 6 + part(coarse(2 * ring + 2 * diagonal, 6)),
                     net(0) * kSteps + step_index,
                     ((part(band_.orientation) * kLevels + part(band_.level)) * kLayers + part(band_.layer)) * 12 + part(coarse(mean, 12)),
                     ((few(m[-1], 2) * 3 + few(m[1], 2)) * 3 + few(m[-row], 2)) * 3 * 12 + few(m[row], 2) * 12 + step_index * 3 + flag,
                     (((few(near_level(0), 3) * 4 + few(near_level(1), 3)) * 4 + few(parent_level, 3)) * 3 + few(sibling_level(0), 2)) * 9 + few(sibling_level(1), 2) * 3 + flag,
                     (((few(m[-row - 1], 2) * 3 + few(m[-row + 1], 2)) * 3 + few(m[row - 1], 2)) * 3 + few(m[row + 1], 2)) * 12 + few(parent_level, 2) * 4 + step_index,
                     (flag * 8 + part(band_.layer)) * 48 + part(scale_of(mean)),
                     net(0) * 24 + flag * 8 + part(band_.level),
                     (flag * 16 + part(coarse(nears_[at], 16))) * 16 + part(coarse(inner, 16))};
    const auto sign = [](int8_t a) { return static_cast<uint32_t>(a + 1); };
    const auto sign_of = [](int32_t a) { return a == 0 ? 1u : a < 0 ? 0u : 2u; };
    const uint32_t cross_signs = ((sign(s[-1]) * 3 + sign(s[1])) * 3 + sign(s[-row])) * 3 + sign(s[row]);
    const uint32_t far_signs = ((sign(s[-2]) * 3 + sign(s[2])) * 3 + sign(s[-2 * row])) * 3 + sign(s[2 * row]);
    const uint32_t near0 = band_.near[0] ? sign_of(band_.near[0][at]) : 1, near1 = band_.near[1] ? sign_of(band_.near[1][at]) : 1;
    const uint32_t parent = band_.parent ? sign_of(band_.parent[y / 2 * ((band_.width + 1) / 2) + x / 2]) : 1;
    const uint32_t sibling0 = band_.siblings[0] ? sign_of(band_.siblings[0][at]) : 1, sibling1 = band_.siblings[1] ? sign_of(band_.siblings[1][at]) : 1;
    const auto orientation = part(band_.orientation);
    site.sign_contexts = {cross_signs * kSteps + step_index,
                          far_signs * kSteps + step_index,
                          ((near0 * 3 + near1) * 3 + parent) * kOrientations + orientation,
                          (sibling0 * 3 + sibling1) * kOrientations + orientation,
                          net(1) * kSteps + step_index,
                          orientation * kLevels + part(band_.level),
                          cross_signs * 81 + ((sign(s[-row - 1]) * 3 + sign(s[-row + 1])) * 3 + sign(s[row - 1])) * 3 + sign(s[row + 1]),
                          (cross_signs * 3 + parent) * 4 + orientation,
                          ((near0 * 3 + near1) * 3 + flag) * 12 + (cross_signs / 9 % 3) * 4 + orientation,
                          net(1) * 3 + flag, 0, 0};
    site.tail_context = std::min(scale_of(mean) * 2 / 3, kTailContexts - 1);
    site.first_set = (orientation * kLevels + part(band_.level)) * 3 + flag;
    site.second_set = step_index * 8 + part(coarse(mean, 8));
    site.quiet = mean == 0;
    return site;
}

void Model::settle(size_t y, size_t x, int32_t level) {
    const size_t padded = (y + 2) * stride_ + x + 2;
    band_.levels[y * band_.width + x] = level;
    magnitudes_[padded] = magnitude(level);
    signs_[padded] = static_cast<int8_t>((level > 0) - (level < 0));
}

// Channels: four phases each of the nearer frame, the farther frame, the two siblings (magnitudes); the parent's
// magnitude and signed magnitude; the phases coded before, magnitudes and then signed. Then more: four phases each of
// the siblings, signed; the parents of the other orientations, signed; whether the block is predicted, the level and
// the temporal layer.
void Model::features(int step, bool more, int16_t* out) const {
    const Companded& table = companded();
    const size_t rows = (band_.height + 1) / 2, columns = (band_.width + 1) / 2, plane = rows * columns;
    std::fill_n(out, static_cast<size_t>(more ? kMoreFeatures : kFeatures) * plane, int16_t{0});
    const auto channel = [&](int number) { return out + static_cast<size_t>(number) * plane; };
    const auto each = [&](int phase, auto apply) {
        for (size_t y = static_cast<size_t>(kPhaseY[phase]); y < band_.height; y += 2)
            for (size_t x = static_cast<size_t>(kPhaseX[phase]); x < band_.width; x += 2)
                apply(y * band_.width + x, y / 2 * columns + x / 2);
    };
    const auto size = [&](int32_t level) { return table(level); };
    const auto with_sign = [&](int32_t level) {
        const int16_t magnitude = table(level);
        return static_cast<int16_t>(level < 0 ? -magnitude : magnitude);
    };
    const auto phases = [&](const int32_t* levels, int first, int count, auto value) {
        for (int phase = 0; levels && phase < count; phase++)
            each(phase, [&, to_plane = channel(first + phase)](size_t from, size_t to) { to_plane[to] = value(levels[from]); });
    };
    const auto whole = [&](const int32_t* levels, int number, auto value) {
        if (levels) std::transform(levels, levels + plane, channel(number), value);
    };
    const int32_t* planes[4] = {band_.near[0], band_.near[1], band_.siblings[0], band_.siblings[1]};
    for (int i = 0; i < 4; i++) phases(planes[i], 4 * i, kSteps, size);
    whole(band_.parent, 16, size);
    whole(band_.parent, 17, with_sign);
    phases(band_.levels, 18, step, size);
    phases(band_.levels, 22, step, with_sign);
    if (!more) return;
    for (int i = 0; i < 2; i++) {
        phases(band_.siblings[i], 26 + 4 * i, kSteps, with_sign);
        whole(band_.other_parents[i], 34 + i, with_sign);
    }
    for (size_t y = 0; y < rows && !blocks_.empty(); y++)
        for (size_t x = 0; x < columns; x++)
            channel(36)[y * columns + x] = blocks_[2 * y / kBlock * block_columns_ + 2 * x / kBlock] ? 64 : -64;
    std::fill_n(channel(37), plane, static_cast<int16_t>(16 * band_.level));
    std::fill_n(channel(38), plane, static_cast<int16_t>(16 * band_.layer));
}

}  // namespace subbands
