#include "subbands_mixer.hpp"

namespace subbands {

Decision::Decision(const Contexts& sizes, size_t first_sets, size_t second_sets, bool trained) : first_sets_(first_sets) {
    for (int i = 0; i < kContexts; i++) tables_[i].resize(sizes[i]);
    Weights start;
    start.fill(65536 * (trained ? 2 : 12) / 100);
    start[kContexts] = 65536 * 8 / 10;
    start[kContexts + 1] = 0;
    weights_.assign(first_sets + second_sets, start);
}

}  // namespace subbands
