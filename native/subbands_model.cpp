#include "subbands_model.hpp"

#include <cstdlib>

#include "subbands_coders.hpp"

namespace subbands {
namespace {

constexpr int kCap = 4095;
constexpr int kScaleLevels = 48;  // of `scale_of`

// A logarithmic scale of magnitudes in sixteenths: a quarter of an octave per level.
int scale_of(uint32_t sixteenths) {
    if (sixteenths < 4) return static_cast<int>(sixteenths);
    const int top = 31 - __builtin_clz(sixteenths);
    return std::min(4 * (top - 1) + static_cast<int>(sixteenths >> (top - 2) & 3), kScaleLevels - 1);
}

int coarse(uint32_t sixteenths, int levels) { return std::min((scale_of(sixteenths) + 1) / 2, levels - 1); }

uint16_t magnitude(int32_t level) { return static_cast<uint16_t>(std::min(std::abs(level), kCap)); }

// Bits in 1/256 of a decision of probability p / 65536, in integers.
struct Costs {
    std::array<uint16_t, 4097> bits;
    Costs() {
        bits[0] = 12 * 256;
        for (uint32_t p = 1; p <= 4096; p++) {
            uint64_t x = p;  // log2 by squaring
            uint32_t log = 0;
            int top = 63 - __builtin_clzll(x);
            uint64_t mantissa = x << (31 - top);  // [2^31, 2^32)
            log = static_cast<uint32_t>(top) << 8;
            for (int i = 7; i >= 0; i--) {
                mantissa = mantissa * mantissa >> 31;
                if (mantissa >> 32) {
                    log |= 1u << i;
                    mantissa >>= 1;
                }
            }
            bits[p] = static_cast<uint16_t>(12 * 256 - log);
        }
    }
};
uint32_t cost(uint32_t p16) {
    static const Costs costs;
    return costs.bits[std::max<uint32_t>(p16 >> 4, 1)];
}
uint32_t cost_of(bool bit, uint32_t p16) { return cost(bit ? p16 : 65536 - p16); }

constexpr Contexts kSizes = {kSteps * kScaleLevels, kSteps * 16 * 16, 12 * 12 * 3, 16 * 8 * 6, 64 * kSteps,
                             kOrientations * kLevels * kLayers * 12};
constexpr Contexts kSignSizes = {81 * kSteps, 81 * kSteps, 27 * kOrientations, 9 * kOrientations, 64 * kSteps, kOrientations * kLevels};
constexpr size_t kFirstSets = kOrientations * kLevels, kSecondSets = kSteps * 8;

}  // namespace

struct Model::Site {
    Contexts contexts, sign_contexts;
    int logits[kHeads];
    int tail_context;
    size_t first_set, second_set;
};

Model::Model()
    : nonzero_(kSizes, kFirstSets, kSecondSets), negative_(kSignSizes, kFirstSets, kSecondSets),
      above_one_(kSizes, kFirstSets, kSecondSets), above_two_(kSizes, kFirstSets, kSecondSets),
      buckets_(kTailContexts * kBuckets), mantissas_(kBuckets * 4) {}

// What does not change with the steps is gathered once: magnitudes of the parent, the siblings and other frames.
void Model::start(const Band& band) {
    band_ = band;
    const size_t height = band.height, width = band.width;
    stride_ = width + 4;
    magnitudes_.assign((height + 4) * stride_, 0);
    signs_.assign((height + 4) * stride_, 0);
    for (auto* plane : {&outer_, &parents_, &siblings_, &nears_}) plane->assign(height * width, 0);
    const size_t parent_width = (width + 1) / 2, parent_height = (height + 1) / 2;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t at = y * width + x;
            uint32_t parent = 0, siblings = 0, nears = 0;
            if (band.parent) {
                const size_t row = y / 2, column = x / 2;
                const size_t other_row = y % 2 ? std::min(row + 1, parent_height - 1) : row - (row > 0);
                const size_t other_column = x % 2 ? std::min(column + 1, parent_width - 1) : column - (column > 0);
                parent = 10u * magnitude(band.parent[row * parent_width + column]) +
                         3u * magnitude(band.parent[other_row * parent_width + column]) +
                         3u * magnitude(band.parent[row * parent_width + other_column]);
            }
            for (const int32_t* sibling : band.siblings)
                if (sibling) {
                    const size_t up = y ? at - width : at, down = y + 1 < height ? at + width : at;
                    const size_t left = x ? at - 1 : at, right = x + 1 < width ? at + 1 : at;
                    siblings += 4u * magnitude(sibling[at]) + magnitude(sibling[up]) + magnitude(sibling[down]) +
                                magnitude(sibling[left]) + magnitude(sibling[right]);
                }
            for (const int32_t* near : band.near)
                if (near) {
                    const size_t up = y ? at - width : at, down = y + 1 < height ? at + width : at;
                    const size_t left = x ? at - 1 : at, right = x + 1 < width ? at + 1 : at;
                    nears += 4u * magnitude(near[at]) + magnitude(near[up]) + magnitude(near[down]) +
                             magnitude(near[left]) + magnitude(near[right]);
                }
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
    const size_t phase_width = (band_.width - static_cast<size_t>(kPhaseX[step]) + 1) / 2;
    const size_t phase_height = (band_.height - static_cast<size_t>(kPhaseY[step]) + 1) / 2;
    for (int head = 0; head < kHeads; head++)
        site.logits[head] = logits ? std::clamp<int>(logits[(static_cast<size_t>(head) * phase_height + y / 2) * phase_width + x / 2],
                                                     -kStretchLimit, kStretchLimit)
                                   : 0;
    const auto net = [&](int head) { return part((site.logits[head] + kStretchLimit + 1) / 96); };
    site.contexts = {step_index * kScaleLevels + part(scale_of(mean)),
                     (step_index * 16 + part(coarse(inner, 16))) * 16 + part(coarse(outer, 16)),
                     (part(coarse(parents_[at], 12)) * 12 + part(coarse(siblings_[at], 12))) * 3 + std::min(step_index, 2u),
                     (part(coarse(nears_[at], 16)) * 8 + part(coarse(2 * cross, 8))) * 6 + part(coarse(2 * ring + 2 * diagonal, 6)),
                     net(0) * kSteps + step_index,
                     ((part(band_.orientation) * kLevels + part(band_.level)) * kLayers + part(band_.layer)) * 12 + part(coarse(mean, 12))};
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
                          orientation * kLevels + part(band_.level)};
    site.tail_context = std::min(scale_of(mean) * 2 / 3, kTailContexts - 1);
    site.first_set = orientation * kLevels + part(band_.level);
    site.second_set = step_index * 8 + part(coarse(mean, 8));
    return site;
}

// The nearest level, or the one towards zero where its bits save more than its error costs.
int32_t Model::choose(const Site& site, int32_t scaled, int64_t lambda) {
    const int64_t size = std::abs(int64_t{scaled});
    const int64_t nearest = std::min<int64_t>((size + 32) >> 6, kMaxLevel);
    if (nearest == 0) return 0;
    const bool negative = scaled < 0;
    const auto price = [&](int64_t level) {
        if (level == 0) return int64_t{cost_of(false, p_nonzero_)};
        int64_t bits = cost_of(true, p_nonzero_) + cost_of(negative, p_negative_) + cost_of(level > 1, p_one_);
        if (level > 1) bits += cost_of(level > 2, p_two_);
        if (level > 2) bits += tail_bits(static_cast<uint32_t>(level - 3), site.tail_context);
        return bits;
    };
    int64_t best = nearest, least = -1;
    for (const int64_t level : {nearest, nearest - 1, int64_t{0}}) {
        if (level < 0 || (level == 0 && nearest > 2)) continue;
        const int64_t error = size - level * 64;
        const int64_t total = error * error * 256 + lambda * price(level);
        if (least < 0 || total < least) {
            least = total;
            best = level;
        }
    }
    return static_cast<int32_t>(negative ? -best : best);
}

template <class Coder>
uint32_t Model::code_tail(Coder& coder, uint32_t value, int context) {
    // Exp-Golomb: which power of two, then the bits below it, of which the first two are modelled.
    int bucket = 0;
    const int wanted = Coder::kEncodes ? 31 - __builtin_clz(value + 1) : 0;
    for (; bucket < kBuckets - 1; bucket++) {
        Counter& counter = buckets_[static_cast<size_t>(context * kBuckets + bucket)];
        const bool more = coder.code(bucket < wanted, counter.p16());
        counter.update(more, 250);
        if (!more) break;
    }
    uint32_t result = 1;
    for (int i = bucket - 1; i >= 0; i--) {
        const bool bit = (value + 1) >> i & 1;
        const int depth = bucket - 1 - i;
        if (depth < 2) {
            Counter& counter = mantissas_[static_cast<size_t>(bucket) * 4 + (depth == 0 ? 0 : 1 + (result & 1))];
            const bool coded = coder.code(bit, counter.p16());
            counter.update(coded, 250);
            result = result << 1 | coded;
        } else {
            result = result << 1 | coder.code(bit, 32768);
        }
    }
    return result - 1;
}

uint32_t Model::tail_bits(uint32_t value, int context) const {
    const int wanted = std::min(31 - __builtin_clz(value + 1), kBuckets - 1);
    uint32_t bits = static_cast<uint32_t>(wanted) * 256;
    for (int bucket = 0; bucket <= wanted && bucket < kBuckets - 1; bucket++)
        bits += cost_of(bucket < wanted, buckets_[static_cast<size_t>(context * kBuckets + bucket)].p16());
    return bits;
}

template <class Coder>
int32_t Model::code(Coder& coder, const Site& site, int32_t scaled, int64_t lambda) {
    p_nonzero_ = nonzero_.predict(site.contexts, site.logits[0], site.first_set, site.second_set);
    int32_t level = 0;
    bool predicted = false;
    const auto predict_rest = [&] {
        p_negative_ = negative_.predict(site.sign_contexts, site.logits[1], site.first_set, site.second_set);
        p_one_ = above_one_.predict(site.contexts, site.logits[2], site.first_set, site.second_set);
        p_two_ = above_two_.predict(site.contexts, site.logits[2], site.first_set, site.second_set);
        predicted = true;
    };
    if (Coder::kEncodes && (std::abs(int64_t{scaled}) + 32) >> 6 > 0) {
        predict_rest();
        level = choose(site, scaled, lambda);
    }
    const bool nonzero = coder.code(level != 0, p_nonzero_);
    nonzero_.update(nonzero);
    if (!nonzero) return 0;
    if (!predicted) predict_rest();
    const bool negative = coder.code(level < 0, p_negative_);
    negative_.update(negative);
    uint32_t size = static_cast<uint32_t>(std::abs(level));
    const bool above_one = coder.code(size > 1, p_one_);
    above_one_.update(above_one);
    if (!above_one) size = 1;
    else {
        const bool above_two = coder.code(size > 2, p_two_);
        above_two_.update(above_two);
        size = above_two ? 3 + code_tail(coder, size - 3, site.tail_context) : 2;
    }
    return negative ? -static_cast<int32_t>(size) : static_cast<int32_t>(size);
}

template <class Coder>
void Model::code_step(Coder& coder, int step, const int16_t* logits, int64_t lambda) {
    for (size_t y = static_cast<size_t>(kPhaseY[step]); y < band_.height; y += 2)
        for (size_t x = static_cast<size_t>(kPhaseX[step]); x < band_.width; x += 2) {
            const size_t at = y * band_.width + x;
            const Site site = site_at(step, y, x, logits);
            const int32_t level = code(coder, site, Coder::kEncodes ? band_.scaled[at] : 0, lambda);
            band_.levels[at] = level;
            const size_t padded = (y + 2) * stride_ + x + 2;
            magnitudes_[padded] = magnitude(level);
            signs_[padded] = static_cast<int8_t>((level > 0) - (level < 0));
        }
}

template void Model::code_step(Encoder&, int, const int16_t*, int64_t);
template void Model::code_step(Decoder&, int, const int16_t*, int64_t);

}  // namespace subbands
