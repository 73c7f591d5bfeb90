// The search for motion (encoder only).
#pragma once
#include <cstdint>
#include <vector>

#include "motion_descent.hpp"

namespace medcodec {

enum class MotionMode { Skip, Previous, Next, Symmetric, Bidirectional };

struct MotionRequest {
    const int32_t* target;
    const int32_t* previous;   // null where there is none
    const int32_t* following;  // null where there is none; not both
    int height, width;
    int scales[2];             // of the field towards the previous and the following frame if it is shared, in 1/256
    std::vector<int> spacings_log2;
    int64_t penalty;           // squared samples per bit, times 256
    int effort;
    unsigned modes;            // bit m: mode m is allowed
    bool allows(MotionMode mode) const { return modes >> static_cast<int>(mode) & 1; }
};

struct MotionFound {
    MotionMode mode = MotionMode::Skip;
    int spacing_log2 = 0;               // 0: without a field
    std::vector<int16_t> vectors;       // of one field or two
    uint64_t distortion = 0;            // sum of squared errors of the prediction
    uint64_t bits = 0;
};

MotionFound motion_estimate(const MotionRequest& request);

}  // namespace medcodec
