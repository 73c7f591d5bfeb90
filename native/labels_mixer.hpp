// Context mixing of binary decisions in integers: hashed counters, logistic mixer, final refinement.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "logistic.hpp"

namespace labels {

using medcodec::kStretchLimit;
using medcodec::Logistic;
using medcodec::logistic;

constexpr int kContexts = 14;

// Adaptive probability: 32 bits of precision, rate 1 / (n + 1.5) down to a limit.
struct Counter {
    uint32_t p = 0x80000000u;
    uint16_t n = 0;
    uint16_t check = 0;
    void update(int bit, int limit);
    uint32_t p22() const {
        const uint32_t p22 = p >> 10;
        return p22 == 0 ? 1 : p22 == (1u << 22) - 1 ? p22 - 1 : p22;
    }
};

// One hashed table of counters per context; slots are found by a check, in pairs.
class CounterTable {
public:
    explicit CounterTable(int bits) : mask_((size_t{1} << bits) - 1), slots_(size_t{1} << bits) {}
    Counter& find(uint64_t hash);
    void prefetch(uint64_t hash) const {
#if defined(__GNUC__)
        __builtin_prefetch(&slots_[hash & mask_]);
#else
        (void)hash;
#endif
    }

private:
    size_t mask_;
    std::vector<Counter> slots_;
};

// What selects statistics for one decision, besides the hashed contexts.
struct Selection {
    int kind;       // 0..kKinds - 1: which decision this is
    int set_a;      // 0..kSetA - 1: first weight set
    int set_b;      // 0..kSetB - 1: second weight set
    int refine_a;   // 0..kRefineA - 1: small refinement context
    uint32_t refine_b;  // hashed refinement context
};

class BitModel {
public:
    static constexpr int kKinds = 4;
    static constexpr int kSetA = 384;
    static constexpr int kSetB = 1024;
    static constexpr int kRefineA = 1024;
    static constexpr int kRefineBits = 12;

    explicit BitModel(int table_bits);

    template <class Coder>
    int code(Coder& coder, int bit, const std::array<uint64_t, kContexts>& hashes, const Selection& selection) {
        bit = coder.code(bit, predict(hashes, selection));
        update(bit);
        return bit;
    }

private:
    static constexpr int kInputs = 2 * kContexts + 1;
    static constexpr int kStateCounts = 8;
    static constexpr int kStateLevels = 32;
    static constexpr int kRefineLevels = 33;
    struct Weights {
        std::array<int32_t, kInputs> w;
        int32_t rate;  // learning rate, from fast to slow
    };

    uint32_t predict(const std::array<uint64_t, kContexts>& hashes, const Selection& selection);
    void update(int bit);
    void gather(const std::array<uint64_t, kContexts>& hashes, int kind);
    void learn(Weights& weights, int32_t error);
    static void init_refinement(std::vector<uint32_t>& table);
    static uint32_t refined(const std::vector<uint32_t>& table, size_t context, int x, size_t& at);

    const Logistic& logistic_ = logistic();
    std::vector<CounterTable> tables_;
    std::vector<Counter> states_;
    std::vector<Weights> weights_a_, weights_b_;
    std::vector<uint32_t> refine_a_, refine_b_;

    std::array<Counter*, kContexts> counters_{};
    std::array<Counter*, kContexts> state_{};
    std::array<int32_t, kInputs> inputs_{};
    Weights* used_a_ = nullptr;
    Weights* used_b_ = nullptr;
    uint32_t mixed_a_ = 0, mixed_b_ = 0;
    size_t at_a_ = 0, at_b_ = 0;
};

}  // namespace labels
