// Predictors of rows by least squares.
#pragma once
#include "blocks_rows.hpp"

namespace medcodec::blocks::rows {

// Sets the weights for voxels of 0..span.
void fit_weights(const std::uint16_t* stored, const Size&, std::uint32_t span, Settings&);

}  // namespace medcodec::blocks::rows
