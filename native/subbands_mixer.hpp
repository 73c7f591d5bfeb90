// Binary decisions of the subband coder: adaptive counters and a network's logit, mixed in the logistic domain.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "counter.hpp"
#include "logistic.hpp"

namespace subbands {

using medcodec::Counter;
using medcodec::kStretchLimit;

using Counters = std::vector<Counter>;

constexpr int kContexts = 12;
constexpr int kInputs = kContexts + 2;  // and the network's logit, and a constant
using Contexts = std::array<uint32_t, kContexts>;
using Weights = std::array<int32_t, kInputs>;
constexpr int32_t kLargestWeight = 1 << 20;

// One kind of decision: tables of counters, one per context, and two sets of mixing weights.
class Decision {
  public:
    // `trained`: logits of a network will be given, and are believed at first.
    Decision(const Contexts& sizes, size_t first_sets, size_t second_sets, bool trained);

    // Return the probability of 16 bits that the decision is set; `logit` is in 1/256 nat.
    uint32_t predict(const Contexts& contexts, int logit, size_t first_set, size_t second_set) {
        const medcodec::Logistic& logistic = medcodec::logistic();
        int64_t first = 0, second = 0;
        first_ = &weights_[first_set];
        second_ = &weights_[first_sets_ + second_set];
        for (int i = 0; i < kContexts; i++) {
            counters_[i] = &tables_[i][contexts[i]];
            inputs_[i] = logistic.stretch16[counters_[i]->p16()];
        }
        inputs_[kContexts] = logit;
        inputs_[kContexts + 1] = 256;
        for (int i = 0; i < kInputs; i++) {
            first += int64_t{inputs_[i]} * (*first_)[i];
            second += int64_t{inputs_[i]} * (*second_)[i];
        }
        const int x = limited(first >> 16), y = limited(second >> 16);
        first_p_ = static_cast<int32_t>(logistic.squash(x) >> 6);
        second_p_ = static_cast<int32_t>(logistic.squash(y) >> 6);
        return std::clamp<uint32_t>(logistic.squash((x + y) >> 1) >> 6, 2, 65534);
    }

    void update(bool bit) {
        for (Counter* counter : counters_) counter->update(bit, kLimit);
        const int32_t target = bit ? 1 << 16 : 0;
        learn(*first_, target - first_p_);
        learn(*second_, target - second_p_);
    }

    std::array<Counters, kContexts>& tables() { return tables_; }
    std::vector<Weights>& weights() { return weights_; }

  private:
    static constexpr uint32_t kLimit = 400;
    static constexpr int kRate = 12;

    static int limited(int64_t x) { return static_cast<int>(std::clamp<int64_t>(x, -kStretchLimit, kStretchLimit)); }
    void learn(Weights& weights, int32_t error) {
        for (int i = 0; i < kInputs; i++) {
            const int32_t next = weights[i] + ((((inputs_[i] * error) >> 10) * kRate + 512) >> 10);
            weights[i] = std::clamp(next, -kLargestWeight, kLargestWeight);
        }
    }

    std::array<Counters, kContexts> tables_;
    std::vector<Weights> weights_;
    size_t first_sets_;
    std::array<Counter*, kContexts> counters_{};
    std::array<int32_t, kInputs> inputs_{};
    Weights* first_ = nullptr;
    Weights* second_ = nullptr;
    int32_t first_p_ = 0, second_p_ = 0;
};

}  // namespace subbands
