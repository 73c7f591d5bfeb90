// The logistic function and its inverse in integers, for mixing binary predictions.
#pragma once
#include <array>
#include <cstdint>

namespace medcodec {

constexpr int kStretchLimit = 3071;  // 12 nats in steps of 1/256

// Logistic function and its inverse: log-odds in 1/256 nat, probabilities of 22 and 16 bits.
struct Logistic {
    std::array<uint32_t, 2 * kStretchLimit + 2> squash22;
    std::array<int16_t, 65536> stretch16;
    Logistic();
    uint32_t squash(int x) const { return squash22[x + kStretchLimit]; }
};
const Logistic& logistic();

// log2(x) * 2^bits, rounded down, for x from 1 to 2^31: by squaring, in integers, so that all machines agree.
inline uint32_t log2_fixed(uint32_t x, int bits) {
    const int top = 31 - __builtin_clz(x);
    uint64_t mantissa = uint64_t{x} << (31 - top);  // [2^31, 2^32)
    uint32_t log = static_cast<uint32_t>(top) << bits;
    for (int i = bits - 1; i >= 0; i--) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32) {
            log |= 1u << i;
            mantissa >>= 1;
        }
    }
    return log;
}

}  // namespace medcodec
