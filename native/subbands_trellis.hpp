// Dependent quantisation: two quantisers of one step, half a step apart, take turns by the parities of levels.
#pragma once
#include <cstddef>
#include <cstdint>

namespace subbands {

// How many states there are: those that are coded, and those of older streams (the trellis of VVC).
constexpr int kStates = 128, kFewStates = 8;
// What odd states, and odd levels, add to the state that follows. Of all pairs that move groups of four states together, one of those
// that lose least by rate and distortion on a Gaussian source; as good as the best code of Ungerboeck (1982).
constexpr int kOfState = 124, kOfLevel = 56;
constexpr uint8_t kNextOfFew[kFewStates][2] = {{0, 2}, {5, 7}, {1, 3}, {6, 4}, {2, 0}, {4, 6}, {3, 1}, {7, 5}};

// Whether a state's quantiser has its points half a step nearer to zero, all but zero itself.
constexpr bool is_shifted(int state) { return state & 1; }
constexpr int next_state(int states, int state, int32_t level) {
    if (states == kFewStates) return kNextOfFew[state][level & 1];
    return state >> 1 ^ (state & 1 ? kOfState : 0) ^ (level & 1 ? kOfLevel : 0);
}
// What a level stands for, in half steps.
constexpr int64_t half_steps(int32_t level, bool shifted) {
    return 2 * int64_t{level} - (shifted ? (level > 0) - (level < 0) : 0);
}

// What the levels of a subband stand for, in half steps; `turned` if its rows were coded as columns.
void half_steps(const int32_t* levels, size_t height, size_t width, int states, bool turned, int32_t* out);

}  // namespace subbands
