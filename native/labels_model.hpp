// What is known about one voxel before it is coded, and the decisions that code it.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "labels_frames.hpp"
#include "labels_match.hpp"
#include "labels_mixer.hpp"
#include "labels_settings.hpp"
#include "labels_ordinal.hpp"

namespace labels {

class VoxelModel {
public:
    // levels is the group, of which what comes before the voxel to code is known.
    VoxelModel(const Settings& settings, size_t width, const uint8_t* levels);

    // Codes the voxel at index; excluded is a label that it is known not to have, or -1.
    template <class Coder>
    uint8_t code(Coder& coder, uint8_t label, Site site, size_t index, int excluded);

    // Many voxels of one label have been coded at once.
    void skip(uint8_t label, size_t count) { match_.skip(label, count); }

private:
    static constexpr int kVoters = 10;
    void rank(const Site& site, int excluded);
    static uint32_t changes(const Site& site);
    void masks(const Site& site, uint8_t candidate);
    void candidate_hashes(const Site& site, int rank);
    void tree_hashes(const Site& site, uint32_t node);
    Selection candidate_selection(const Site& site, int rank) const;
    Selection tree_selection(const Site& site, uint32_t node, int depth) const;
    void learn(uint8_t label);
    void tree_contexts(const Site& site);

    bool barred(int label) const;
    int predicted_level() const;
    int rough_spread() const;
    void step_contexts(const Site& site, int value, int step);
    Selection step_selection(const Site& site, int value, int step) const;

    template <class Coder>
    uint8_t code_label(Coder& coder, uint8_t label, const Site& site, int excluded);

    template <class Coder>
    int ask(Coder& coder, int bit, const Site& site, int value, int step);

    template <class Coder>
    uint8_t code_steps(Coder& coder, uint8_t label, const Site& site);

    template <class Coder>
    uint8_t code_tree(Coder& coder, uint8_t label, const Site& site, int low, int high);

    Settings settings_;
    BitModel bits_;
    MatchModel match_;
    LevelPredictor predictor_;
    int predicted_ = 0;  // sixteenths of a level
    std::array<uint32_t, kVoters> hits_;  // 16-bit probability that a neighbour has the voxel's label
    std::array<uint8_t, kVoters> voters_{};
    int voter_count_ = 0;
    std::array<uint32_t, 256> votes_{};
    std::array<uint8_t, 3> ranked_{};
    int ranked_count_ = 0;
    std::array<uint8_t, 4> barred_{};
    int barred_count_ = 0;
    std::array<uint64_t, kContexts> hashes_{};
    std::array<uint64_t, kContexts> tree_base_{};
    std::array<uint32_t, 4> m_{};   // equality masks of the current frame: left 8, rows above x-3..x+4
    std::array<uint32_t, 5> a_{};   // of the first reference
    std::array<uint32_t, 3> b_{};   // of the second
    uint32_t changed_ = 0;          // where the current frame differs from the first reference
};

}  // namespace labels
