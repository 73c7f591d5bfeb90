// The model of subbands: what is known of a coefficient before it is coded, and the decisions that code it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "subbands_mixer.hpp"
#include "subbands_trellis.hpp"

namespace subbands {

constexpr int kSteps = 4;
constexpr int kHeads = 4;  // logits of a network: not zero, negative, above one, and above each more
// Channels that networks see: the first, or all of them.
constexpr int kFeatures = 26, kMoreFeatures = 39;
constexpr int kOrientations = 4;
constexpr int kLevels = 8;
constexpr int kLayers = 8;
constexpr size_t kBlock = 8;  // coefficients along each side of a block that is predicted or not
constexpr int kMaxLevel = 1 << 24;

// The phase of a 2 x 2 block that each step codes.
constexpr int kPhaseY[kSteps] = {0, 1, 0, 1};
constexpr int kPhaseX[kSteps] = {0, 1, 1, 0};

constexpr int kScaleLevels = 48;  // of magnitudes on a logarithmic scale

constexpr Contexts kSizes = {2 * kSteps * kScaleLevels,
                             2 * kSteps * 16 * 16,
                             12 * 12 * 3,
                             16 * 8 * 6,
                             2 * 64 * kSteps,
                             kOrientations * kLevels * kLayers * 12,
                             2 * 81 * 3 * kSteps,
                             4 * 4 * 4 * 27,
                             81 * 3 * kSteps,
                             2 * 3 * kLayers * kScaleLevels,
                             64 * 3 * kLevels,
                             3 * 16 * 16};
// Those that tell the two quantisers apart.
constexpr int kByQuantiser[] = {0, 1, 4, 6, 9};
constexpr Contexts kSignSizes = {81 * kSteps, 81 * kSteps, 27 * kOrientations, 9 * kOrientations, 64 * kSteps, kOrientations * kLevels, 81*81, 81*3*4, 27*3*4, 64*3,1,1};
constexpr size_t kFirstSets = kOrientations * kLevels * 3, kSecondSets = 2 * kSteps * 8;

// A subband of height x width and its surroundings; a missing one is null.
struct Band {
    size_t height, width;
    int orientation;  // 0 low, 1 high across columns, 2 high across rows, 3 both
    int level;        // 0 the finest
    int layer;        // temporal layer, 0 the key frames
    const int32_t* parent;  // the same orientation one level coarser, ceil(height / 2) x ceil(width / 2)
    const int32_t* siblings[2];
    const int32_t* near[2];  // the same subband of other frames
    const int32_t* other_parents[2];  // the other orientations one level coarser
    int states;              // of the trellis that it is quantised by, or 0
    int32_t* levels;         // what was coded, or is being decoded
    const int32_t* scaled;   // when encoding: coefficients in 1/64 of a step
};

// What a model has learnt: the states of its counters, and its mixing weights, each in one fixed order.
struct Learnt {
    std::vector<uint32_t> counters;
    std::vector<int32_t> weights;
};

class Model {
  public:
    explicit Model(bool trained);
    Learnt learnt();
    // Begin with that; throws std::invalid_argument if it is not of such a model.
    void begin(const Learnt& learnt);
    void enter(const Band& band);
    // Prepare for the steps of the band, which has coefficients.
    void gather();
    // What a network sees before a step: planes of ceil(height / 2) x ceil(width / 2), -127..127, kFeatures of them or, with
    // `more`, kMoreFeatures.
    void features(int step, bool more, int16_t* out) const;
    // `logits`: kHeads planes of ceil(height / 2) x ceil(width / 2), in 1/256 nat, or null. `lambda`: squared 1/64 steps per bit.
    template <class Coder>
    void code_step(Coder& coder, int step, const int16_t* logits, int64_t lambda);

    // Code which blocks are predicted: `rows` x `columns` of 0 or 1; `parent` has those of the coarser level.
    template <class Coder>
    void code_predicted(Coder& coder, uint8_t* blocks, size_t rows, size_t columns, const uint8_t* parent,
                        size_t parent_rows, size_t parent_columns);
    // Code whether the band just started has any coefficient.
    template <class Coder>
    bool code_any(Coder& coder, bool any);

  private:
    struct Site {
        Contexts contexts, sign_contexts;
        int logits[kHeads];
        int tail_context;
        size_t first_set, second_set;
        bool quiet;  // nothing around is known to be other than zero
        // Turn to the contexts of the quantiser that is shifted.
        void shift() {
            for (const int i : kByQuantiser) contexts[static_cast<size_t>(i)] += kSizes[static_cast<size_t>(i)] / 2;
            second_set += kSecondSets / 2;
        }
    };
    template <class Coder>
    int32_t code(Coder& coder, const Site& site, int32_t level);
    template <class Coder>
    uint32_t code_tail(Coder& coder, uint32_t value, int context);
    uint32_t tail_bits(uint32_t value, int context) const;
    // Find the levels of a step that cost least, into `plan_`: bits as the model would have them before the step.
    void plan(int step, const int16_t* logits, int64_t lambda);
    std::vector<Counters*> tables();
    std::array<Decision*, kHeads> decisions() { return {&nonzero_, &negative_, &above_one_, &above_two_}; }
    struct Branches;
    Branches branches(const Site& site, int64_t size, bool negative, int64_t lambda);
    void forget(int step);
    // Take a coded level in as a neighbour of what follows.
    void settle(size_t y, size_t x, int32_t level);
    Site site_at(int step, size_t y, size_t x, const int16_t* logits) const;

    static constexpr int kTailContexts = 32, kBuckets = 26;
    Band band_{};
    size_t stride_ = 0;
    std::vector<uint8_t> blocks_;  // which are predicted; empty for a frame without prediction
    size_t block_columns_ = 0;
    std::vector<uint16_t> magnitudes_;  // of the subband so far, with a border of two
    std::vector<int8_t> signs_;
    std::vector<uint16_t> outer_, parents_, siblings_, nears_;
    Decision nonzero_, negative_, above_one_, above_two_;
    Counters buckets_, mantissas_, any_, predicted_;
    int state_ = 0;
    std::vector<int32_t> plan_;
    std::vector<std::array<std::array<int32_t, 2>, 2>> sizes_;
};

}  // namespace subbands
