// Codes where a number lies relative to its prediction: sign, size by context, then the place in that interval.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "floats_coder.hpp"
#include "floats_numbers.hpp"

namespace floats {

// Mean errors: close by, at the same place in the frame before, and in a wider neighbourhood.
struct Expected {
    double here, before, around;
};

template <class Coder>
class ErrorCoder {
public:
    ErrorCoder(Coder& coder, const Numbers& numbers)
        : coder_(coder), numbers_(numbers), size_bits_(contexts), sign_bits_(sign_contexts) {}

    // Codes the place of a number; the decoder passes any place.
    uint64_t code(uint64_t place, double prediction, const Expected& expected) {
        const uint64_t middle = numbers_.ceiling(prediction);
        choose_context(expected, numbers_.spacing_exponent(prediction, middle));
        unsigned sign_context = 0;
        if (crowded_) {
            const double gap = (numbers_.value_at(std::min(middle, numbers_.last())) - prediction) * inverse_;
            sign_context = 16 * crowded_ + (gap > 0 ? gap < 1 ? static_cast<unsigned>(gap * 16) : 15 : 0);
        }
        const bool negative = coder_.code(sign_bits_[sign_context], place < middle);
        const int size = code_size(Coder::encoding ? find_size(place, prediction, negative) : 0);
        if (size == sizes) return std::min(coder_.raw(place, numbers_.format().bits()), numbers_.last());
        const double near = boundary(size) * quantum_, far = boundary(size + 1) * quantum_;
        const double low = negative ? prediction - far : prediction + near;
        const double high = negative ? prediction - near : prediction + far;
        return refine(place, numbers_.ceiling(low), numbers_.ceiling(high), low, high);
    }

private:
    // Sizes 0..7 are intervals of one quantum; then each doubling has four intervals.
    static constexpr int groups = 62, sizes = 4 * groups, group_bits = 4;
    static constexpr int crowds = 12, contexts = crowds * 4 * 5 * 3, sign_contexts = crowds * 16;
    static constexpr int smallest_exponent = -900, greatest_exponent = 900;

    // A quantum is about a quarter of the expected error, but no finer than the numbers are spaced.
    void choose_context(const Expected& expected, int spacing) {
        const double here = expected.here + 1e-200;
        const uint64_t bits = bits_of(here);
        int exponent = static_cast<int>(bits >> 52) - 1023 - 2;
        const int fine = static_cast<int>(bits >> 50 & 3);
        crowded_ = 0;
        if (exponent <= spacing) {
            crowded_ = 1 + static_cast<unsigned>(std::min(crowds - 2, spacing - exponent));
            exponent = spacing;
        }
        exponent = std::max(smallest_exponent, std::min(greatest_exponent, exponent));
        quantum_ = power_of_two(exponent);
        inverse_ = power_of_two(-exponent);
        const double before = expected.before, around = expected.around;
        const int then = before < 0.4 * here    ? 0
                         : before < 0.75 * here ? 1
                         : before < 1.3 * here  ? 2
                         : before < 2.2 * here  ? 3
                                                : 4;
        const int wide = around < 0.9 * here ? 0 : around < 1.7 * here ? 1 : 2;
        context_ = ((static_cast<int>(crowded_) * 4 + fine) * 5 + then) * 3 + wide;
    }

    static double boundary(int size) {
        if (size < 8) return size;
        return (4 + (size & 3)) * power_of_two((size >> 2) - 1);
    }

    static int size_of(double quanta) {
        if (!(quanta > 0)) return 0;
        if (quanta < 8) return static_cast<int>(quanta);
        if (!(quanta < 4e18)) return sizes;
        const uint64_t bits = bits_of(quanta);
        return std::min(sizes, 4 * (static_cast<int>(bits >> 52) - 1023 - 1) + static_cast<int>(bits >> 50 & 3));
    }

    // The quotient may be off by rounding: the intervals themselves decide.
    int find_size(uint64_t place, double prediction, bool negative) const {
        const double value = numbers_.value_at(place);
        int size = size_of((negative ? prediction - value : value - prediction) * inverse_);
        while (size > 0 && size < sizes && !reaches(place, prediction, negative, size)) --size;
        while (size < sizes && reaches(place, prediction, negative, size + 1)) ++size;
        return size;
    }

    // Whether the place lies beyond the lower boundary of a size.
    bool reaches(uint64_t place, double prediction, bool negative, int size) const {
        const double offset = boundary(size) * quantum_;
        if (negative) return place < numbers_.ceiling(prediction - offset);
        return place >= numbers_.ceiling(prediction + offset);
    }

    // Group of four sizes in unary, then two bits.
    int code_size(int size) {
        std::vector<Bit>& bits = size_bits_[static_cast<size_t>(context_)];
        if (bits.empty()) bits.resize(group_bits * groups);  // few contexts are ever met
        int group = 0;
        while (group < groups && coder_.code(bits[group * group_bits], (size >> 2) > group)) ++group;
        if (group == groups) return sizes;
        const int upper = coder_.code(bits[group * group_bits + 1], size >> 1 & 1);
        return group * 4 + upper * 2 + coder_.code(bits[group * group_bits + 2 + upper], size & 1);
    }

    // Halves the interval until one number is left; where numbers are evenly spaced, all at once.
    uint64_t refine(uint64_t place, uint64_t first, uint64_t end, double low, double high) {
        for (int depth = 0; end > first + 1; ++depth) {
            const uint64_t count = end - first;
            if (!(count & (count - 1)) && numbers_.evenly_spaced(first, end - 1)) {
                return first + coder_.raw(place - first, __builtin_ctzll(count));
            }
            uint64_t split = first + count / 2;
            uint32_t upper = 1 << 15;
            const double half = low + (high - low) * 0.5;
            if (numbers_.has_table()) {
                upper = static_cast<uint32_t>(((end - split) << 16) / count);
            } else if (depth < 80) {
                split = std::max(first, std::min(end, numbers_.ceiling(half)));
                if (split == first || split == end) {
                    (split == first ? low : high) = half;
                    continue;
                }
            }
            if (coder_.weighted(upper, place >= split)) {
                first = split;
                low = half;
            } else {
                end = split;
                high = half;
            }
        }
        return std::min(first, numbers_.last());
    }

    Coder& coder_;
    const Numbers& numbers_;
    std::vector<std::vector<Bit>> size_bits_;
    std::vector<Bit> sign_bits_;
    double quantum_ = 1, inverse_ = 1;
    unsigned crowded_ = 0;  // 0: errors span many numbers; else how far the numbers are apart
    int context_ = 0;
};

}  // namespace floats
