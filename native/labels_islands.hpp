// Grey levels on a background of one level: is a voxel background, and if not, how far is it from a prediction?
#pragma once
#include <array>
#include <cstdint>

#include "labels_frames.hpp"
#include "labels_islands_mixer.hpp"
#include "labels_islands_predictor.hpp"
#include "labels_settings.hpp"

namespace labels {

class IslandModel {
public:
    IslandModel(const Settings& settings, size_t width, const uint8_t* levels);

    // Codes one voxel; excluded is a level that it is known not to have, or -1.
    template <class Coder>
    uint8_t code(Coder& coder, uint8_t level, const Site& site, size_t index, int excluded);

    void skip(uint8_t, size_t) {}

private:
    static constexpr int kClasses = 12, kShifts = 5, kStepContexts = 8;

    // Where the surroundings are background.
    struct Masks {
        uint32_t left, above[3], first[5], second[3];
        int known, ahead;  // how many of 10 neighbours, and of 9 in the first reference
    };
    Masks masks(const Site& site) const;
    size_t background_contexts(const Site& site, const Masks& masks, int predicted);
    void level_contexts(const Site& site, const Masks& masks, uint32_t tag, int edge);

    template <class Coder>
    int code_level(Coder& coder, int level, const Site& site, const Masks& masks, int predicted);

    template <class Coder>
    int code_distance(Coder& coder, int distance, int room, const Site& site, const Masks& masks, int start, int up);

    int top_, background_;
    IslandPredictor predictor_;
    IslandMixer is_background_, steps_;
    IslandMixer::Hashes hashes_{};
    std::array<std::array<SmallBit, kStepContexts>, kShifts> low_bits_;
    int expected_ = 0, class_ = 0, shift_ = 0;
};

}  // namespace labels
