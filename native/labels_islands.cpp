#include "labels_islands.hpp"

#include <algorithm>
#include <cstdlib>

#include "labels_coder.hpp"

namespace labels {
namespace {

constexpr int kLongest = 24;     // steps; what is farther is spelled out
constexpr uint32_t kSide = 31;   // the decision whether a level is above the prediction, among numbers of steps
constexpr uint32_t kHalf = 1u << (kProbBits - 1);

int length(uint32_t v) { return v ? 32 - __builtin_clz(v) : 0; }

int ones(uint32_t v) { return __builtin_popcount(v); }

// Packs numbers, each with its width in bits, from the low bits up, and hashes them.
class Pack {
public:
    Pack& operator()(uint32_t value, int width) {
        value_ |= uint64_t{value} << at_;
        at_ += width;
        return *this;
    }
    operator uint32_t() const {
        const uint64_t h = value_ * 0x9E3779B97F4A7C15ull;
        return static_cast<uint32_t>(((h ^ (h >> 29)) * 0xD6E8FEB86659FD93ull) >> 32);
    }

private:
    uint64_t value_ = 0;
    int at_ = 0;
};

constexpr std::array<uint8_t, 1024> rough_differences() {
    constexpr int limits[7] = {1, 3, 6, 11, 20, 36, 64};
    std::array<uint8_t, 1024> table{};
    for (int d = -512; d < 512; ++d) {
        int q = 0;
        while (q < 7 && (d < 0 ? -d : d) >= limits[q]) ++q;
        table[d + 512] = static_cast<uint8_t>(16 + (d < 0 ? -q : q));
    }
    return table;
}
constexpr std::array<uint8_t, 1024> rough_table = rough_differences();

uint32_t rough(int difference) { return rough_table[difference + 512]; }

// Of a row mask, in which bit 3 is the column of the voxel.
uint32_t middle3(uint32_t mask) { return (mask >> 2) & 7; }
uint32_t middle5(uint32_t mask) { return (mask >> 1) & 31; }

}  // namespace

IslandModel::IslandModel(const Settings& settings, size_t width, const uint8_t*)
    : top_(settings.levels - 1), background_(settings.background), predictor_(width, settings.levels),
      is_background_(settings.table_bits, 144),
      steps_(settings.table_bits, kClasses * (3 + kStepContexts * kShifts * 2)) {}

IslandModel::Masks IslandModel::masks(const Site& site) const {
    const uint8_t b = static_cast<uint8_t>(background_);
    Masks m{};
    m.left = equal_mask(site.w - 8, b);
    for (int i = 0; i < 3; ++i) m.above[i] = equal_mask(site.n[i] - 3, b);
    for (int i = 0; i < 5; ++i) m.first[i] = equal_mask(site.r1[i] - 3, b);
    for (int i = 0; i < 3; ++i) m.second[i] = equal_mask(site.r2[i] - 3, b);
    m.known = ones(m.left >> 6) + ones(middle5(m.above[0])) + ones(middle3(m.above[1]));
    m.ahead = ones(middle3(m.first[1])) + ones(middle3(m.first[2])) + ones(middle3(m.first[3]));
    return m;
}

// Returns the set of weights.
size_t IslandModel::background_contexts(const Site& site, const Masks& m, int predicted) {
    const int b = background_;
    const auto off = [b](uint8_t level) { return static_cast<uint32_t>(std::abs(level - b)); };
    const uint8_t w = site.w[-1], n = site.n[0][0], p = site.r1[2][0], e = site.r1[2][1], s = site.r1[3][0];
    const uint32_t known = off(w) + off(n) + off(site.n[0][1]) + off(site.n[0][-1]);
    const uint32_t ahead = 2 * off(p) + off(e) + off(s);
    const uint32_t local = m.left >> 6 | middle3(m.above[0]) << 2 | ((m.above[1] >> 3) & 1) << 5;
    const auto square = [](const uint32_t* rows) {
        return middle3(rows[0]) | middle3(rows[1]) << 3 | middle3(rows[2]) << 6;
    };
    const auto cross = [](const uint32_t* rows) {
        return middle3(rows[1]) | ((rows[0] >> 3) & 1) << 3 | ((rows[2] >> 3) & 1) << 4;
    };
    const uint32_t first = square(m.first + 1);
    const uint32_t rough_level = static_cast<uint32_t>(std::min(std::abs(predicted - 16 * b), 511)) >> 2;
    const auto near = [&off](uint8_t level) { return std::min(off(level), 63u) >> 1; };
    hashes_[0] = Pack()(local, 6)(first, 9);
    hashes_[1] = Pack()(m.left >> 4, 4)(m.above[0] & 127, 7)(middle5(m.above[1]), 5)(middle3(m.above[2]), 3);
    hashes_[2] = Pack()(local, 6)(middle5(m.above[0]), 5)(first, 9)(square(m.second), 9)(middle5(m.first[2]), 5)(
        middle3(m.first[0]), 3)(middle3(m.first[4]), 3);
    hashes_[3] = Pack()(rough_level, 7)(w == b, 1)(n == b, 1)(p == b, 1);
    hashes_[4] = Pack()(length(known), 4)(length(ahead), 4)(cross(m.first + 1), 5)(cross(m.second), 5);
    hashes_[5] = Pack()(near(w), 5)(near(n), 5)(near(p), 5);
    hashes_[6] = Pack()(w >> 2, 6)(e >> 2, 6)(s >> 2, 6)(p >> 2, 6)(n >> 2, 6);
    const int pattern = (w == b) | (n == b) << 1 | (p == b) << 2 | (site.r2[1][0] == b) << 3;
    return (m.ahead == 0 ? 0 : m.ahead == 9 ? 96 : 48) + 16 * site.references + pattern;
}

// Edge is the level, in sixteenths, on one side of which the voxel is to be placed.
void IslandModel::level_contexts(const Site& site, const Masks& m, uint32_t tag, int edge) {
    const int level = edge >> 4;
    const auto from = [level](uint8_t v) { return rough(v - level); };
    const auto off = [this, edge](int i) { return rough((predictor_.value(i) - edge) >> 4); };
    const uint8_t* above = site.n[0];
    const uint32_t expected = static_cast<uint32_t>(std::min(expected_ >> 4, 127));
    const uint32_t spread = static_cast<uint32_t>(std::min(predictor_.spread(), 63));
    hashes_[0] = Pack()(tag, 10)(from(site.w[-1]), 5)(from(above[0]), 5)(from(site.r1[2][0]), 5);
    hashes_[1] = Pack()(tag, 10)(expected, 7)(spread, 6);
    hashes_[2] = Pack()(tag, 10)(static_cast<uint32_t>(edge) >> 5, 7)(m.known > 0, 1);
    hashes_[3] = Pack()(tag, 10)(off(3), 5)(off(4), 5)(off(0), 5);
    hashes_[4] = Pack()(tag, 10)(m.known, 4)(m.ahead, 4)(class_, 4);
    hashes_[5] = Pack()(tag, 10)(rough(predictor_.error(-1) >> 4), 5)(rough(predictor_.error(0) >> 4), 5)(
        rough(predictor_.error(1) >> 4), 5);
    hashes_[6] = Pack()(tag, 10)(from(above[1]), 5)(from(above[-1]), 5)(from(site.r1[2][1]), 5)(from(site.r1[3][0]), 5);
}

// Steps of 2^shift levels away from start, then the place in the step.
template <class Coder>
int IslandModel::code_distance(Coder& coder, int distance, int room, const Site& site, const Masks& m, int start,
                               int up) {
    int step = 0;
    for (; step < kLongest && (step + 1) << shift_ <= room; ++step) {
        const uint32_t tag = static_cast<uint32_t>(step | shift_ << 5 | (1 + up) << 8);
        level_contexts(site, m, tag, 16 * (up ? start + (step << shift_) : start - (step << shift_)));
        const int context = (std::min(step, kStepContexts - 1) * kShifts + shift_) * 2 + up;
        if (!steps_.code(coder, distance >> shift_ > step, hashes_, (3 + context) * kClasses + class_)) break;
    }
    const int done = step << shift_, rest = distance - done;
    int place = 0;
    if (step == kLongest) {
        for (int bit = length(room - done) - 1; bit >= 0; --bit)
            place = 2 * place + coder.code((rest >> bit) & 1, kHalf);
    } else {
        SmallBit& low = low_bits_[shift_][std::min(step, kStepContexts - 1)];
        for (int bit = shift_ - 1; bit >= 0; --bit) place = 2 * place + low.code(coder, (rest >> bit) & 1);
    }
    if (done + place > room) throw StreamError("label stream: a level is out of range");
    return done + place;
}

template <class Coder>
int IslandModel::code_level(Coder& coder, int level, const Site& site, const Masks& m, int predicted) {
    const int start = std::clamp((predicted + 8) >> 4, 1, top_);
    expected_ = predictor_.expected();
    class_ = std::min(length(expected_ / 6), kClasses - 1);
    shift_ = std::min(length((expected_ + 12 * predictor_.spread()) / 384), kShifts - 1);
    level_contexts(site, m, kSide | shift_ << 5, predicted);
    const int up = steps_.code(coder, level >= start, hashes_, site.references * kClasses + class_);
    if (up) return start + code_distance(coder, level - start, top_ - start, site, m, start, up);
    return start - 1 - code_distance(coder, start - 1 - level, start - 1, site, m, start - 1, up);
}

template <class Coder>
uint8_t IslandModel::code(Coder& coder, uint8_t level, const Site& site, size_t, int excluded) {
    const int predicted = predictor_.predict(site);
    const Masks m = masks(site);
    int known = 0;
    if (excluded != background_) {
        const size_t set = background_contexts(site, m, predicted);
        known = is_background_.code(coder, level == background_, hashes_, set);
    }
    const int coded = known ? background_ : code_level(coder, level, site, m, predicted);
    predictor_.learn(coded);
    return static_cast<uint8_t>(coded);
}

template uint8_t IslandModel::code(Encoder&, uint8_t, const Site&, size_t, int);
template uint8_t IslandModel::code(Decoder&, uint8_t, const Site&, size_t, int);

}  // namespace labels
