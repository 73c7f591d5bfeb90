#include "subbands_trellis.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <vector>

#include "subbands_model.hpp"

namespace subbands {
namespace {

// Bits in 1/256 of a decision of probability p / 65536.
struct Costs {
    std::array<uint16_t, 4097> bits;
    Costs() {
        bits[0] = 12 * 256;
        for (uint32_t p = 1; p <= 4096; p++) bits[p] = static_cast<uint16_t>(12 * 256 - medcodec::log2_fixed(p, 8));
    }
};
int64_t cost(uint32_t p16) {
    static const Costs costs;
    return costs.bits[std::max<uint32_t>(p16 >> 4, 1)];
}
int64_t cost_of(bool bit, uint32_t p16) { return cost(bit ? p16 : 65536 - p16); }

constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 4;
// Sizes in 1/64 of a step: below it, where all around is zero, nothing but zero is tried; and what rounds to one in a
// first guess, for contexts.
constexpr int64_t kSmall = 20, kGuess = 22;

// The Viterbi algorithm: the cheapest way to each state, level by level.
class Paths {
  public:
    explicit Paths(int state) {
        even_.fill(kFar);
        odd_.fill(kFar);
        (state & 1 ? odd_ : even_)[static_cast<size_t>(state / 2)] = 0;
    }

    // Go on by a level whose `costs` are those of its parities, by quantiser.
    void extend(const std::array<std::array<int64_t, 2>, 2>& costs) {
        const int64_t least = std::min({costs[0][0], costs[0][1], costs[1][0], costs[1][1]});
        const auto above = [&](size_t q, size_t parity) { return static_cast<int32_t>(std::min<int64_t>(costs[q][parity] - least, kFar)); };
        std::array<int32_t, kStates> reached;
        std::array<uint8_t, kStates> odd;
        // States of the lower half are reached from even ones, the others from odd ones: from that whose level is even, or odd.
        const auto join = [&](const std::array<int32_t, kHalf>& from, size_t first, size_t turn, int32_t of_even, int32_t of_odd) {
            for (size_t group = 0; group < kHalf; group += kGroup) {
                const int32_t* a = &from[group ^ turn];
                const int32_t* b = &from[group ^ turn ^ kOfLevel];
                for (size_t i = 0; i < kGroup; i++) {
                    const int32_t even_cost = a[i] + of_even, odd_cost = b[i] + of_odd;
                    odd[first + group + i] = odd_cost < even_cost;
                    reached[first + group + i] = std::min(std::min(even_cost, odd_cost), kFar);
                }
            }
        };
        join(even_, 0, 0, above(0, 0), above(0, 1));
        join(odd_, kHalf, kOfState ^ kHalf, above(1, 0), above(1, 1));
        const int32_t lowered = reached[0] > kFar / 2 ? *std::min_element(reached.begin(), reached.end()) : 0;
        for (size_t i = 0; i < kHalf; i++) {
            even_[i] = reached[2 * i] - lowered;
            odd_[i] = reached[2 * i + 1] - lowered;
        }
        ways_.push_back(packed(odd));
    }

    // The cheapest state now.
    int best() const {
        const auto even = std::min_element(even_.begin(), even_.end()), odd = std::min_element(odd_.begin(), odd_.end());
        return static_cast<int>(*odd < *even ? 2 * (odd - odd_.begin()) + 1 : 2 * (even - even_.begin()));
    }
    // Take back the last level: its quantiser and its parity; `state` becomes that before it.
    std::array<size_t, 2> back(int& state) {
        const int shifted = state >= kHalf, place = shifted ? state ^ kOfState : state;
        const bool odd = ways_.back()[static_cast<size_t>(state % kBytes)] >> state / kBytes & 1;
        ways_.pop_back();
        state = 2 * (odd ? place ^ kOfLevel : place) + shifted;
        return {static_cast<size_t>(shifted), odd};
    }

  private:
    static constexpr size_t kHalf = kStates / 2, kGroup = 4;
    static_assert(kOfState % kGroup == 0 && kOfLevel % kGroup == 0 && kOfState >= kHalf && kOfLevel < kHalf);
    // More than any way costs that is taken; sums stay within 32 bits.
    static constexpr int32_t kFar = 1 << 29;
    static constexpr int kBytes = kStates / 8;
    using Ways = std::array<uint8_t, kBytes>;
    static Ways packed(const std::array<uint8_t, kStates>& flags) {
        Ways ways{};
        for (int bit = 0; bit < 8; bit++)
            for (size_t i = 0; i < kBytes; i++)
                ways[i] = static_cast<uint8_t>(ways[i] | flags[static_cast<size_t>(bit * kBytes) + i] << bit);
        return ways;
    }

    std::array<int32_t, kHalf> even_, odd_;
    std::vector<Ways> ways_;
};

}  // namespace

void half_steps(const int32_t* levels, size_t height, size_t width, int states, bool turned, int32_t* out) {
    const size_t rows = turned ? width : height, columns = turned ? height : width;
    const size_t down = turned ? 1 : width, right = turned ? width : 1;
    int state = 0;
    for (int step = 0; step < kSteps; step++)
        for (size_t y = static_cast<size_t>(kPhaseY[step]); y < rows; y += 2)
            for (size_t x = static_cast<size_t>(kPhaseX[step]); x < columns; x += 2) {
                const size_t at = y * down + x * right;
                out[at] = static_cast<int32_t>(half_steps(levels[at], is_shifted(state)));
                state = next_state(states, state, levels[at]);
            }
}

// The cheapest level of each parity, by quantiser, and what it costs.
struct Model::Branches {
    std::array<std::array<int32_t, 2>, 2> sizes;
    std::array<std::array<int64_t, 2>, 2> costs;
};

uint32_t Model::tail_bits(uint32_t value, int context) const {
    const int wanted = std::min(31 - __builtin_clz(value + 1), kBuckets - 1);
    int64_t bits = int64_t{wanted} * 256;
    for (int bucket = 0; bucket <= wanted && bucket < kBuckets - 1; bucket++)
        bits += cost_of(bucket < wanted, buckets_[static_cast<size_t>(context * kBuckets + bucket)].p16());
    return static_cast<uint32_t>(bits);
}

Model::Branches Model::branches(const Site& plain, int64_t size, bool negative, int64_t lambda) {
    Branches found;
    Site site = plain;
    const auto predict = [&](Decision& decision, const Contexts& contexts, int head) {
        return decision.predict(contexts, site.logits[head], site.first_set, site.second_set);
    };
    for (size_t q = 0; q < 2; q++) {
        if (q) site.shift();
        const uint32_t nonzero = predict(nonzero_, site.contexts, 0);
        const int64_t sign = cost_of(negative, predict(negative_, site.sign_contexts, 1));
        const uint32_t one = predict(above_one_, site.contexts, 2), two = predict(above_two_, site.contexts, 3);
        found.sizes[q] = {0, 0};
        found.costs[q] = {size * size * 256 + lambda * cost_of(false, nonzero), kNever};
        const auto lower = static_cast<int32_t>(std::min<int64_t>((size + 32 * static_cast<int64_t>(q)) >> 6, kMaxLevel - 1));
        for (int32_t level = std::max(lower, 1); level <= lower + 1; level++) {
            int64_t bits = cost_of(true, nonzero) + sign + cost_of(level > 1, one);
            if (level > 1) bits += cost_of(level > 2, two);
            if (level > 2) bits += tail_bits(static_cast<uint32_t>(level - 3), site.tail_context);
            const int64_t error = size - 32 * half_steps(level, q != 0);
            const int64_t total = error * error * 256 + lambda * bits;
            const size_t parity = static_cast<size_t>(level & 1);
            if (total < found.costs[q][parity]) {
                found.costs[q][parity] = total;
                found.sizes[q][parity] = level;
            }
        }
    }
    return found;
}

// Forget the first guesses at a step's levels.
void Model::forget(int step) {
    for (size_t y = static_cast<size_t>(kPhaseY[step]); y < band_.height; y += 2)
        for (size_t x = static_cast<size_t>(kPhaseX[step]); x < band_.width; x += 2) settle(y, x, 0);
}

void Model::plan(int step, const int16_t* logits, int64_t lambda) {
    plan_.clear();
    const auto each = [&](auto apply) {
        for (size_t y = static_cast<size_t>(kPhaseY[step]); y < band_.height; y += 2)
            for (size_t x = static_cast<size_t>(kPhaseX[step]); x < band_.width; x += 2)
                apply(y, x, int64_t{band_.scaled[y * band_.width + x]});
    };
    const auto rounded = [](int64_t scaled, int64_t offset) {
        const auto level = static_cast<int32_t>(std::min<int64_t>((std::abs(scaled) + offset) >> 6, kMaxLevel));
        return scaled < 0 ? -level : level;
    };
    if (!band_.states) {
        each([&](size_t, size_t, int64_t scaled) { plan_.push_back(rounded(scaled, 32)); });
        return;
    }
    Paths paths(state_);
    sizes_.clear();
    each([&](size_t y, size_t x, int64_t scaled) {
        const int64_t size = std::abs(scaled);
        const Site site = site_at(step, y, x, logits);
        Branches ways;
        if (site.quiet && size < kSmall) {
            ways.sizes = {};
            ways.costs = {{{0, kNever}, {0, kNever}}};
        } else {
            ways = branches(site, size, scaled < 0, lambda);
        }
        paths.extend(ways.costs);
        sizes_.push_back(ways.sizes);
        settle(y, x, rounded(scaled, kGuess));
    });
    plan_.resize(sizes_.size());
    int state = paths.best();
    for (size_t i = plan_.size(); i-- > 0;) {
        const auto [quantiser, parity] = paths.back(state);
        plan_[i] = sizes_[i][quantiser][parity];
    }
    size_t number = 0;
    each([&](size_t, size_t, int64_t scaled) {
        if (scaled < 0) plan_[number] = -plan_[number];
        number++;
    });
    forget(step);
}

}  // namespace subbands
