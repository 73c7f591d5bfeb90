// What the picture networks of the wavelet codec see, and what they change; all in integers and IEEE doubles.
#pragma once
#include <cstddef>
#include <cstdint>

namespace medcodec {

struct Picture {
    size_t height, width;
    size_t half_height() const { return (height + 1) / 2; }
    size_t half_width() const { return (width + 1) / 2; }
};

constexpr int kFuseFeatures = 16;
constexpr int kEnhanceFeatures = 12, kMoreEnhanceFeatures = 20;  // the first, or all
constexpr int kPostfilterFeatures = 16;

// Of two predictions: their difference, in halves of a step (which is in 1/16 of a working unit), and the detail of
// their mean, in quarters, both also eight times as coarse. Every 2 x 2 pixels become four channels.
void fuse_features(Picture size, const int32_t* first, const int32_t* second, int32_t step, int16_t* out);

// Of a reconstruction: its detail, in eighths of a step and eight times as coarse, and what was added to the prediction,
// in eighths; with `more`, detail and what was added in parts of 1/64, too: few coefficients are not zero at low rates,
// and errors are a tenth of a step.
void enhance_features(Picture size, const int32_t* picture, const int32_t* prediction, int32_t step, bool more, int16_t* out);

// Of a decoded picture and those next to it (null for one that is not there): its detail, fine and coarse, and how they
// differ from it, in parts of 1/32 of a step.
void postfilter_features(Picture size, const int32_t* picture, const int32_t* previous, const int32_t* following, int32_t step,
                         int16_t* out);

// Add a network's correction (four channels of half size, in 1/512 of a step), within 0..top.
void add_correction(Picture size, const int32_t* base, const int16_t* correction, int32_t step, int32_t top, int32_t* out);

}  // namespace medcodec
