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

}  // namespace medcodec
