// The model of subbands: what is known of a coefficient before it is coded, and the decisions that code it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "subbands_mixer.hpp"

namespace subbands {

constexpr int kSteps = 4;
constexpr int kHeads = 3;  // logits of a network: not zero, negative, above one
constexpr int kOrientations = 4;
constexpr int kLevels = 8;
constexpr int kLayers = 8;
constexpr int kMaxLevel = 1 << 24;

// The phase of a 2 x 2 block that each step codes.
constexpr int kPhaseY[kSteps] = {0, 1, 0, 1};
constexpr int kPhaseX[kSteps] = {0, 1, 1, 0};

// A subband of height x width and its surroundings; a missing one is null.
struct Band {
    size_t height, width;
    int orientation;  // 0 low, 1 high across columns, 2 high across rows, 3 both
    int level;        // 0 the finest
    int layer;        // temporal layer, 0 the key frames
    const int32_t* parent;  // the same orientation one level coarser, ceil(height / 2) x ceil(width / 2)
    const int32_t* siblings[2];
    const int32_t* near[2];  // the same subband of other frames
    int32_t* levels;         // what was coded, or is being decoded
    const int32_t* scaled;   // when encoding: coefficients in 1/64 of a step
};

class Model {
  public:
    Model();
    void start(const Band& band);
    // `logits`: kHeads planes of the step's phase, or null. `lambda`: squared 1/64 steps per bit.
    template <class Coder>
    void code_step(Coder& coder, int step, const int16_t* logits, int64_t lambda);

  private:
    struct Site;
    template <class Coder>
    int32_t code(Coder& coder, const Site& site, int32_t scaled, int64_t lambda);
    template <class Coder>
    uint32_t code_tail(Coder& coder, uint32_t value, int context);
    uint32_t tail_bits(uint32_t value, int context) const;
    int32_t choose(const Site& site, int32_t scaled, int64_t lambda);
    Site site_at(int step, size_t y, size_t x, const int16_t* logits) const;

    static constexpr int kTailContexts = 32, kBuckets = 26;
    Band band_{};
    size_t stride_ = 0;
    std::vector<uint16_t> magnitudes_;  // of the subband so far, with a border of two
    std::vector<int8_t> signs_;
    std::vector<uint16_t> outer_, parents_, siblings_, nears_;
    Decision nonzero_, negative_, above_one_, above_two_;
    std::vector<Counter> buckets_, mantissas_;
    uint32_t p_nonzero_ = 0, p_negative_ = 0, p_one_ = 0, p_two_ = 0;
    friend struct Site;
};

}  // namespace subbands
