#include "labels_mixer.hpp"

#include <algorithm>

namespace labels {
namespace {

constexpr int kCounterLimit = 250;
constexpr int kStateLimit = 500;
constexpr int kFirstRate = 64 * 256;
constexpr int kLastRate = 12 * 256;
constexpr int kRefineRate = 6;

int clamp_stretch(int64_t x) { return static_cast<int>(std::clamp<int64_t>(x, -kStretchLimit, kStretchLimit)); }

constexpr std::array<int32_t, 1024> reciprocals() {
    std::array<int32_t, 1024> table{};
    for (int n = 0; n < 1024; ++n) table[n] = 131072 / (2 * n + 3);
    return table;
}

constexpr std::array<int32_t, 1024> reciprocal = reciprocals();

int state_count(int n) {
    static constexpr uint8_t bucket[16] = {0, 1, 2, 3, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6};
    return n < 16 ? bucket[n] : n < 64 ? 6 : 7;
}

}  // namespace

void Counter::update(int bit, int limit) {
    const int64_t target = bit ? 0xFFFFFFFFll : 0;
    p = static_cast<uint32_t>(p + (((target - static_cast<int64_t>(p)) * reciprocal[n]) >> 16));
    if (n < limit) ++n;
}

Counter& CounterTable::find(uint64_t hash) {
    const size_t at = hash & mask_;
    const uint16_t check = static_cast<uint16_t>(hash >> 48);
    Counter* first = &slots_[at];
    Counter* second = &slots_[at ^ 1];
    if (first->check == check) return *first;
    if (second->check == check) return *second;
    Counter* victim = first->n <= second->n ? first : second;
    *victim = Counter{0x80000000u, 0, check};
    return *victim;
}

BitModel::BitModel(int table_bits)
    : states_(size_t{kContexts} * kKinds * kStateCounts * kStateLevels),
      weights_a_(kSetA), weights_b_(kSetB),
      refine_a_(size_t{kRefineA} * kRefineLevels),
      refine_b_((size_t{1} << kRefineBits) * kRefineLevels) {
    tables_.reserve(kContexts);
    for (int i = 0; i < kContexts; ++i) tables_.emplace_back(table_bits);
    for (auto* sets : {&weights_a_, &weights_b_})
        for (auto& weights : *sets) {
            weights.w.fill(65536 * 6 / 100);
            weights.rate = kFirstRate;
        }
    for (size_t i = 0; i < states_.size(); ++i) {
        const int level = static_cast<int>(i % kStateLevels);
        states_[i].p = logistic().squash(clamp_stretch(level * 192 + 96 - 3072)) << 10;
        states_[i].n = 6;
    }
    init_refinement(refine_a_);
    init_refinement(refine_b_);
}

void BitModel::init_refinement(std::vector<uint32_t>& table) {
    for (size_t i = 0; i < table.size(); ++i) {
        const int x = static_cast<int>(i % kRefineLevels) * 192 - 3072;
        table[i] = logistic().squash(clamp_stretch(x)) << 10;
    }
}

void BitModel::gather(const std::array<uint64_t, kContexts>& hashes, int kind) {
    for (int i = 0; i < kContexts; ++i) tables_[i].prefetch(hashes[i]);
    for (int i = 0; i < kContexts; ++i) {
        Counter& counter = tables_[i].find(hashes[i]);
        const int x = counter.n == 0 ? 0 : logistic_.stretch16[counter.p >> 16];
        const int level = (x + 3072) / 192;
        const size_t row = (size_t(i) * kKinds + kind) * kStateCounts + state_count(counter.n);
        const size_t state = row * kStateLevels + level;
        counters_[i] = &counter;
        state_[i] = &states_[state];
        inputs_[2 * i] = x;
        inputs_[2 * i + 1] = logistic_.stretch16[states_[state].p >> 16];
    }
    inputs_[2 * kContexts] = 256;
}

uint32_t BitModel::refined(const std::vector<uint32_t>& table, size_t context, int x, size_t& at) {
    const int position = x + 3072;
    const int level = position / 192;
    const int right = position - level * 192;
    const size_t base = context * kRefineLevels + level;
    at = right < 96 ? base : base + 1;
    const uint64_t p = uint64_t(table[base]) * (192 - right) + uint64_t(table[base + 1]) * right;
    return static_cast<uint32_t>((p / 192) >> 10);
}

uint32_t BitModel::predict(const std::array<uint64_t, kContexts>& hashes, const Selection& selection) {
    gather(hashes, selection.kind);
    used_a_ = &weights_a_[selection.set_a];
    used_b_ = &weights_b_[selection.set_b];
    int64_t dot_a = 0, dot_b = 0;
    for (int i = 0; i < kInputs; ++i) {
        dot_a += int64_t{inputs_[i]} * used_a_->w[i];
        dot_b += int64_t{inputs_[i]} * used_b_->w[i];
    }
    const int x_a = clamp_stretch(dot_a >> 16);
    const int x_b = clamp_stretch(dot_b >> 16);
    mixed_a_ = logistic_.squash(x_a);
    mixed_b_ = logistic_.squash(x_b);
    const int x = (x_a + x_b) >> 1;
    const uint32_t mixed = logistic_.squash(x);
    const uint32_t p_a = refined(refine_a_, selection.refine_a, x, at_a_);
    const uint32_t p_b = refined(refine_b_, selection.refine_b & ((1u << kRefineBits) - 1), x, at_b_);
    const uint32_t p = (mixed + p_a + 2 * p_b) >> 2;
    return std::clamp<uint32_t>(p, 1, (1u << 22) - 2);
}

void BitModel::learn(Weights& weights, int32_t error) {
    const int32_t rate = weights.rate >> 8;
    weights.rate -= (weights.rate - kLastRate) >> 8;
    for (int i = 0; i < kInputs; ++i) weights.w[i] += (((inputs_[i] * error) >> 10) * rate + 512) >> 10;
}

void BitModel::update(int bit) {
    for (int i = 0; i < kContexts; ++i) {
        counters_[i]->update(bit, kCounterLimit);
        state_[i]->update(bit, kStateLimit);
    }
    const int32_t target = bit ? 1 << 16 : 0;
    const int32_t error_a = target - static_cast<int32_t>(mixed_a_ >> 6);
    const int32_t error_b = target - static_cast<int32_t>(mixed_b_ >> 6);
    learn(*used_a_, error_a);
    learn(*used_b_, error_b);
    const int64_t goal = bit ? 0xFFFFFFFFll : 0;
    for (uint32_t* p : {&refine_a_[at_a_], &refine_b_[at_b_]})
        *p = static_cast<uint32_t>(*p + ((goal - static_cast<int64_t>(*p)) >> kRefineRate));
}

}  // namespace labels
