// Context mixing of binary decisions with seven counters and one set of weights, all in one vector of 16-bit numbers.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "logistic.hpp"

namespace labels {

// Adaptive probability of one decision with few contexts.
class SmallBit {
public:
    template <class Coder>
    int code(Coder& coder, int bit) {
        bit = coder.code(bit, uint32_t{p_} << 6);
        const int shift = seen_ < 30 ? 2 : seen_ < 120 ? 4 : 6;
        seen_ += seen_ < 120;
        p_ = static_cast<uint16_t>(bit ? p_ + ((65535 - p_) >> shift) : p_ - (p_ >> shift));
        return bit;
    }

private:
    uint16_t p_ = 1 << 15;
    uint16_t seen_ = 0;
};

constexpr uint32_t kCountLimit = 250;

constexpr std::array<int32_t, kCountLimit + 1> reciprocals_of_counts() {
    std::array<int32_t, kCountLimit + 1> table{};
    for (uint32_t n = 0; n <= kCountLimit; ++n) table[n] = static_cast<int32_t>(131072 / (2 * n + 3));
    return table;
}
constexpr std::array<int32_t, kCountLimit + 1> kReciprocals = reciprocals_of_counts();

class IslandMixer {
public:
    static constexpr int kContexts = 7;
    using Hashes = std::array<uint32_t, kContexts>;

    IslandMixer(int table_bits, size_t sets)
        : bits_(table_bits), counters_(size_t{kContexts} << table_bits, 1u << 31), sets_(sets) {
        for (auto& weights : sets_) {
            weights.fill(kFirstWeight);
            weights[kContexts] = 0;
        }
    }

    template <class Coder>
    int code(Coder& coder, int bit, const Hashes& hashes, size_t set) {
        std::array<uint32_t*, kContexts> used;
        std::array<int16_t, kInputs> inputs;
        for (int i = 0; i < kContexts; ++i) {
            used[i] = &counters_[(static_cast<size_t>(i) << bits_) + (hashes[i] >> (32 - bits_))];
            inputs[i] = logistic_.stretch16[*used[i] >> 16];
        }
        inputs[kContexts] = 256;
        Weights& weights = sets_[set];
        int32_t sum = 0;
        for (int i = 0; i < kInputs; ++i) sum += int32_t{inputs[i]} * weights[i];
        const int x = std::clamp(sum >> kWeightBits, -medcodec::kStretchLimit, medcodec::kStretchLimit);
        const uint32_t p = logistic_.squash(x);
        bit = coder.code(bit, p);
        const int16_t error = static_cast<int16_t>((bit << 14) - static_cast<int32_t>(p >> 8));
        for (int i = 0; i < kInputs; ++i) {
            const int32_t learned = weights[i] + ((int32_t{inputs[i]} * error + (1 << (kRate - 1))) >> kRate);
            weights[i] = static_cast<int16_t>(std::clamp(learned, -32768, 32767));
        }
        for (uint32_t* counter : used) *counter = updated(*counter, bit);
        return bit;
    }

private:
    static constexpr int kInputs = kContexts + 1;
    static constexpr int kWeightBits = 14;
    static constexpr int16_t kFirstWeight = 2949;  // 0.18
    static constexpr int kRate = 15;
    using Weights = std::array<int16_t, kInputs>;

    // A probability in the upper 24 bits, and how often it was used.
    static uint32_t updated(uint32_t counter, int bit) {
        const uint32_t count = counter & 255;
        const int64_t p = counter - count, goal = bit ? 0xFFFFFFFFll : 0;
        const int64_t moved = p + (((goal - p) * kReciprocals[count]) >> 16);
        return (static_cast<uint32_t>(moved) & ~255u) | (count + (count < kCountLimit));
    }

    const medcodec::Logistic& logistic_ = medcodec::logistic();
    int bits_;
    std::vector<uint32_t> counters_;
    std::vector<Weights> sets_;
};

}  // namespace labels
