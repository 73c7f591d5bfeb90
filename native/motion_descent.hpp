// The best vectors by a model of the squared error and the bits that the vectors cost.
#pragma once
#include <cstdint>
#include <vector>

#include "motion_model.hpp"

namespace medcodec {

// Vectors (y, x) of rows x columns nodes.
struct MotionVectors {
    int spacing_log2, rows, columns;
    std::vector<int16_t> values;

    MotionVectors(int spacing_log2, int rows, int columns)
        : spacing_log2(spacing_log2), rows(rows), columns(columns), values(2 * static_cast<size_t>(rows) * columns) {}
    int16_t* at(int row, int column) { return &values[2 * (static_cast<size_t>(row) * columns + column)]; }
    const int16_t* at(int row, int column) const { return &values[2 * (static_cast<size_t>(row) * columns + column)]; }
    // What a node and those that are predicted from it cost, in 1/256 bit.
    int local_bits(int row, int column) const;
};

// Changes `vectors`, by at most `radius` in each component, to lower the modelled error plus the bits times `lambda`
// (squared samples times 2^16 per 1/256 bit).
void motion_descend(const MotionModel& model, MotionVectors& vectors, int64_t lambda, int radius);

}  // namespace medcodec
