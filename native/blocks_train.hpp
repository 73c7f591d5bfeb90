// The encoder's training of linear predictors on a sample of the blocks.
#pragma once
#include <functional>

#include "blocks_planes.hpp"

namespace medcodec::blocks {

// The linear predictors of each class of frames.
struct Predictors {
    int count[kFrameClasses] = {};
    std::int32_t weights[kFrameClasses][kMaxPredictors][kTaps] = {};
};

inline int tap_pairs(int frame_class) {
    return frame_class == kIntra ? kIntraPairs : kTapPairs;
}

// Puts a frame of a sequence into the planes; called in the order of the frames.
using Load = std::function<void(std::int64_t sequence, std::int64_t frame)>;

// Groups sampled blocks by the predictor that suits them and solves for each group, in turns. `span` bounds the
// differences of voxels.
template <class T>
Predictors train(const Planes<T>&, const Load&, const Kernels&, std::uint32_t span);

}  // namespace medcodec::blocks
