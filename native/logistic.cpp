#include "logistic.hpp"

#include <algorithm>

namespace medcodec {

// exp(-k/256) by repeated multiplication in integers: no library function reaches a probability.
Logistic::Logistic() {
    constexpr uint64_t step = 4278222845u;  // exp(-1/256) * 2^32
    uint64_t e = uint64_t{1} << 32;         // exp(-k/256) * 2^32
    for (int k = 0; k <= kStretchLimit; ++k) {
        const uint64_t one = uint64_t{1} << 32;
        const uint64_t high = ((one << 22) - 1) / (one + e);
        const uint32_t p = static_cast<uint32_t>(std::min<uint64_t>(high, (1u << 22) - 16));
        squash22[kStretchLimit + k] = p;
        squash22[kStretchLimit - k] = (1u << 22) - p;
        e = (e * step) >> 32;
    }
    squash22[2 * kStretchLimit + 1] = squash22[2 * kStretchLimit];
    int x = -kStretchLimit;
    for (uint32_t p = 0; p < 65536; ++p) {
        while (x < kStretchLimit && squash22[x + kStretchLimit] < (p << 6) + 32) ++x;
        stretch16[p] = static_cast<int16_t>(x);
    }
}

const Logistic& logistic() {
    static const Logistic table;
    return table;
}

}  // namespace medcodec
