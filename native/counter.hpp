// Adaptive probabilities of binary decisions.
#pragma once
#include <algorithm>
#include <cstdint>

namespace medcodec {

// A probability of 22 bits that its decision is set, and how often it was met, for a rate that falls to a limit.
class Counter {
  public:
    uint32_t p16() const { return std::clamp<uint32_t>(state_ >> 16, 1, 65535); }
    void update(bool bit, uint32_t limit) {
        const uint32_t n = state_ & 1023;
        const int32_t p = static_cast<int32_t>(state_ >> 10);
        const int32_t target = bit ? (1 << 22) - 1 : 0;
        const int32_t next = p + static_cast<int32_t>((int64_t{target - p} * 65536 / (2 * n + 3)) >> 15);
        state_ = static_cast<uint32_t>(std::clamp(next, 0, (1 << 22) - 1)) << 10 | (n < limit ? n + 1 : n);
    }

    // The probability, above 10 bits of the count.
    uint32_t state() const { return state_; }
    void begin(uint32_t state) { state_ = state; }

  private:
    uint32_t state_ = 1u << 31;
};

}  // namespace medcodec
