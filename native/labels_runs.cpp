#include "labels_runs.hpp"

namespace labels {
namespace {

// Clears the columns where a neighbour in `row` at `offset` differs from the label above.
void require_equal(uint8_t* uniform, const uint8_t* labels, const uint8_t* row, ptrdiff_t offset, size_t width) {
    for (size_t x = 0; x < width; ++x) uniform[x] &= labels[x] == row[static_cast<ptrdiff_t>(x) + offset];
}

}  // namespace

void RunModel::find(const PaddedFrame& current, const PaddedFrame& first, const PaddedFrame& second,
                    int references, ptrdiff_t y) {
    const size_t width = uniform_.size();
    uint8_t* uniform = uniform_.data();
    labels_ = current.row(y - 1);
    std::fill(uniform_.begin(), uniform_.end(), uint8_t{1});
    for (ptrdiff_t dx : {-2, -1, 1, 2}) require_equal(uniform, labels_, labels_, dx, width);
    for (ptrdiff_t dx : {-1, 0, 1}) require_equal(uniform, labels_, current.row(y - 2), dx, width);
    if (references > 0)
        for (ptrdiff_t dy : {-1, 0, 1})
            for (ptrdiff_t dx : {-1, 0, 1}) require_equal(uniform, labels_, first.row(y + dy), dx, width);
    if (references > 1) require_equal(uniform, labels_, second.row(y), 0, width);
    for (size_t x = width; x-- > 0;) run_[x] = uniform[x] ? run_[x + 1] + 1 : 0;
}

}  // namespace labels
