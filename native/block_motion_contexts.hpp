// What is known of the motion of blocks before a bit of it is coded, and what was learnt of such bits.
#pragma once
#include <algorithm>
#include <cstdint>

#include "block_motion.hpp"
#include "counter.hpp"
#include "logistic.hpp"
#include "motion_bits.hpp"

namespace medcodec {

// What surrounds a block: null where there is nothing yet.
struct BlockPlace {
    const BlockUnit *left, *above;
    int log2_units;

    int smaller() const { return is_smaller(left) + is_smaller(above); }
    int like(int kind) const { return (left && left->kind == kind) + (above && above->kind == kind); }
    static int kind_of(const BlockUnit* unit) { return unit ? unit->kind : kNoKind; }
    static constexpr int kNoKind = 4, kKinds = 5;

  private:
    bool is_smaller(const BlockUnit* unit) const { return unit && unit->log2_units < log2_units; }
};

// Asked of a block in this order, until one is true.
enum KindQuestion { kIsStill, kIsBoth, kIsNext };
inline int likeness(KindQuestion question, const BlockPlace& at) {
    if (question == kIsNext) return 2 + at.like(kNext) - at.like(kPrevious);
    return at.like(question == kIsBoth ? kBoth : kStill);
}

// What surrounds one component of a vector.
struct VectorPlace {
    int reference, component;
    int moved;       // the size of the other component's difference, if it came before
    int log2_units;
    bool both;       // the block has two vectors
    Candidates candidates;
};

// A bit is expected as the mean of counters in the logistic domain does; they go on from frame to frame.
class BlockContexts {
  public:
    template <class Coder>
    bool split(Coder& coder, bool bit, const BlockPlace& at) {
        const auto size = static_cast<size_t>(at.log2_units);
        return code(coder, bit, split_by_sizes_[size][at.smaller()],
                    split_by_kinds_[size][BlockPlace::kind_of(at.left)][BlockPlace::kind_of(at.above)]);
    }

    template <class Coder>
    bool kind(Coder& coder, bool bit, KindQuestion question, const BlockPlace& at) {
        return code(coder, bit, kind_by_likeness_[question][likeness(question, at)],
                    kind_by_kinds_[question][at.log2_units][BlockPlace::kind_of(at.left)][BlockPlace::kind_of(at.above)]);
    }

    // False where a decoded magnitude is longer than any that is allowed.
    template <class Coder>
    bool difference(Coder& coder, const VectorPlace& at, int& difference) {
        const int spread = size_class(at.candidates);
        return code_difference(
            difference,
            [&](bool bit) {
                return code(coder, bit, nonzero_by_place_[at.reference][at.component][at.moved > 0],
                            nonzero_by_spread_[spread][at.component][std::min(at.moved, 3)],
                            nonzero_by_size_[at.log2_units][spread][at.both]);
            },
            [&](bool bit) {
                const int others = sign(at.candidates.above_expected()), own = sign(at.candidates.expected());
                return code(coder, bit, negative_[1 + others][1 + own][at.component]);
            },
            [&](bool bit, int place) {
                return code(coder, bit, prefix_by_spread_[spread][place], prefix_by_size_[at.log2_units][place]);
            },
            [&](bool bit, int bits, int after) {
                return after == bits - 1 ? code(coder, bit, high_bit_[bits]) : coder.raw(bit);
            });
    }

  private:
    static constexpr int kSpreads = 6;
    static constexpr uint32_t kLimit = 60;
    static constexpr int kLeast = 128;

    static int sign(int value) { return (value > 0) - (value < 0); }
    static int size_class(const Candidates& candidates) {
        if (candidates.count < 2) return kSpreads - 1;
        const int spread = candidates.spread();
        return spread <= 1 ? spread : spread <= 3 ? 2 : spread <= 8 ? 3 : 4;
    }

    template <class Coder, class... Each>
    static bool code(Coder& coder, bool bit, Each&... counters) {
        const Logistic& table = logistic();
        const int sum = (table.stretch16[counters.p16()] + ...);
        const auto p = table.squash(sum / static_cast<int>(sizeof...(counters))) >> 6;
        bit = coder.code(bit, std::clamp<uint32_t>(p, kLeast, 65536 - kLeast));
        (counters.update(bit, kLimit), ...);
        return bit;
    }

    Counter split_by_sizes_[kBlockSizes][3], split_by_kinds_[kBlockSizes][BlockPlace::kKinds][BlockPlace::kKinds];
    Counter kind_by_likeness_[3][5], kind_by_kinds_[3][kBlockSizes][BlockPlace::kKinds][BlockPlace::kKinds];
    Counter nonzero_by_place_[2][2][2], nonzero_by_spread_[kSpreads][2][4], nonzero_by_size_[kBlockSizes][kSpreads][2];
    Counter negative_[3][3][2];
    Counter prefix_by_spread_[kSpreads][kPrefixes], prefix_by_size_[kBlockSizes][kPrefixes], high_bit_[kPrefixes];
};

}  // namespace medcodec
