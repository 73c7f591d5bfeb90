// What is known about one voxel before it is coded, and the decisions that code it.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "labels_frames.hpp"
#include "labels_match.hpp"
#include "labels_mixer.hpp"

namespace labels {

// Causal surroundings of the voxel at column x of row y.
struct Site {
    const uint8_t* w;     // current row, at x (only the left is known)
    const uint8_t* n[3];  // rows above, at x
    const uint8_t* r1[5];  // first reference, rows y-2..y+2, at x
    const uint8_t* r2[3];  // second reference, rows y-1..y+1, at x
    size_t x, y;
    int references;  // how many of the two are real
    int expected;    // symbol that the match model expects, or -1
    int expected_length;
};

struct Settings {
    int levels;      // 1..256
    int candidates;  // 0..3: neighbour labels that are asked for before the value is spelled out
};

class VoxelModel {
public:
    VoxelModel(const Settings& settings, int table_bits);

    // Codes one voxel; excluded is a label that it is known not to have, or -1.
    template <class Coder>
    uint8_t code(Coder& coder, uint8_t label, const Site& site, int excluded);

private:
    static constexpr int kVoters = 10;
    void rank(const Site& site, int excluded);
    void masks(const Site& site, uint8_t candidate);
    void candidate_hashes(const Site& site, int rank);
    void tree_hashes(const Site& site, uint32_t node);
    Selection candidate_selection(const Site& site, int rank) const;
    Selection tree_selection(const Site& site, uint32_t node, int depth) const;
    void vote_update(uint8_t label);
    void tree_contexts(const Site& site);

    template <class Coder>
    uint8_t code_tree(Coder& coder, uint8_t label, const Site& site);

    Settings settings_;
    BitModel bits_;
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
