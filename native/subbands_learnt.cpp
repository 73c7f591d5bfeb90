// What models of subbands have learnt, taken out of them and put into others.
#include <algorithm>
#include <stdexcept>

#include "subbands_model.hpp"

namespace subbands {

std::vector<Counters*> Model::tables() {
    std::vector<Counters*> all;
    for (Decision* decision : decisions())
        for (Counters& table : decision->tables()) all.push_back(&table);
    for (Counters* table : {&buckets_, &mantissas_, &any_, &predicted_}) all.push_back(table);
    return all;
}

Learnt Model::learnt() {
    Learnt found;
    for (const Counters* table : tables())
        for (const Counter& counter : *table) found.counters.push_back(counter.state());
    for (Decision* decision : decisions())
        for (const Weights& weights : decision->weights())
            found.weights.insert(found.weights.end(), weights.begin(), weights.end());
    return found;
}

void Model::begin(const Learnt& learnt) {
    size_t counters = 0, weights = 0;
    for (const Counters* table : tables()) counters += table->size();
    for (Decision* decision : decisions()) weights += decision->weights().size() * kInputs;
    const auto fits = [](int32_t weight) { return weight >= -kLargestWeight && weight <= kLargestWeight; };
    if (learnt.counters.size() != counters || learnt.weights.size() != weights ||
        !std::all_of(learnt.weights.begin(), learnt.weights.end(), fits))
        throw std::invalid_argument("the coder of subbands cannot begin with this");
    auto state = learnt.counters.begin();
    for (Counters* table : tables())
        for (Counter& counter : *table) counter.begin(*state++);
    auto weight = learnt.weights.begin();
    for (Decision* decision : decisions())
        for (Weights& set : decision->weights())
            for (int32_t& value : set) value = *weight++;
}

}  // namespace subbands
