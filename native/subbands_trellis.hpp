// Dependent quantisation: two quantisers of one step, half a step apart, take turns by the parities of levels.
#pragma once
#include <cstddef>
#include <cstdint>

namespace subbands {

constexpr int kStates = 8;
// The state after a level, by its parity (the trellis of eight states of the VVC family).
constexpr uint8_t kNext[kStates][2] = {{0, 2}, {5, 7}, {1, 3}, {6, 4}, {2, 0}, {4, 6}, {3, 1}, {7, 5}};

// Whether a state's quantiser has its points half a step nearer to zero, all but zero itself.
constexpr bool is_shifted(int state) { return state & 1; }
constexpr int next_state(int state, int32_t level) { return kNext[state][level & 1]; }
// What a level stands for, in half steps.
constexpr int64_t half_steps(int32_t level, bool shifted) {
    return 2 * int64_t{level} - (shifted ? (level > 0) - (level < 0) : 0);
}

// What the levels of a subband stand for, in half steps; `turned` if its rows were coded as columns.
void half_steps(const int32_t* levels, size_t height, size_t width, bool turned, int32_t* out);

}  // namespace subbands
