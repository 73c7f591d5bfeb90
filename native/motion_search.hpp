// The search for one field (encoder only).
#pragma once
#include <cstdint>
#include <vector>

#include "motion_descent.hpp"

namespace medcodec {

// Frames are searched with 12 bits per sample; fields begin with nodes every 2^kMotionCoarsest pixels.
constexpr int kMotionSampleBits = 12, kMotionCoarsest = kMotionMaxSpacingLog2;
constexpr int kMotionLargestSample = (1 << kMotionSampleBits) - 1;

// A frame at full size, at half the size, and so on.
using MotionPyramid = std::vector<PaddedFrame>;
MotionPyramid motion_pyramid(const int32_t* frame, int height, int width, int shift);

// A frame that a field leads to, with the field's scale in 1/256.
struct MotionReference {
    const MotionPyramid* frames;
    int scale;
};

class MotionSearch {
  public:
    // `lambda` is in squared samples times 2^16 per 1/256 bit.
    MotionSearch(const MotionPyramid& target, std::vector<MotionReference> references, int64_t lambda, int effort);

    // The fields at each spacing from the widest to the closest that is asked for.
    std::vector<MotionVectors> run(int closest_log2);
    // Makes a field better at full size, towards a target of its own.
    void polish(const PaddedFrame& target, MotionVectors& vectors) { refine(target, vectors, 0, 1); }

  private:
    int coarsest() const { return static_cast<int>(target_.size()) - 1; }
    void start(MotionVectors& vectors);
    void match(MotionVectors& vectors, int level) const;
    int64_t matched(int level, int row, int column, int y, int x) const;
    void refine(MotionVectors& vectors, int level, int sweeps) { refine(target_[level], vectors, level, sweeps); }
    void refine(const PaddedFrame& target, MotionVectors& vectors, int level, int sweeps);
    void measure(const PaddedFrame& target, MotionModel& model, const MotionVectors& vectors, int level, bool slopes);

    const MotionPyramid& target_;
    const std::vector<MotionReference> references_;
    const int64_t lambda_;
    const int effort_;
    const MotionWarp warp_;
    MotionPyramid warped_;  // room to work in, for each level
};

}  // namespace medcodec
