// The squared error of a warped frame as a quadratic function of small changes of the nodes' vectors.
#pragma once
#include <cstdint>
#include <vector>

#include "motion_field.hpp"

namespace medcodec {

// Changes are in 1/8 pixel of the full frame; costs in squared samples times 2^16. Matrices hold yy, yx, xx.
struct NodeModel {
    int64_t own[3], east[3], south[3], south_east[3], south_west[3];
    int64_t slope[2];
};

struct MotionModel {
    int rows, columns;
    std::vector<NodeModel> nodes;
    // Squared error over the pixels between four nodes, kept at the node above to the left.
    std::vector<int64_t> cells;

    MotionModel(int rows, int columns)
        : rows(rows), columns(columns), nodes(static_cast<size_t>(rows) * columns), cells(nodes.size()) {}

    void clear();
    // Adds target - warped, where `warped` was read by the field times scale / 256; both have 12 bits per sample.
    // With `slopes` off only the cells are summed.
    void add(const PaddedFrame& target, const PaddedFrame& warped, int spacing_log2, int scale, bool slopes);
    // Squared error over all pixels that a node influences.
    int64_t around(int row, int column) const;
    // The gradient's half for a change of one node, given the changes of its neighbours.
    void slope_at(const std::vector<int>& changes, int row, int column, int64_t slope[2]) const;

  private:
    struct Sums;
    void merge(const Sums& sums, int row, int column, int spacing_log2, int scale);
};

}  // namespace medcodec
