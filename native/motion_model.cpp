#include "motion_model.hpp"

namespace medcodec {

// Over one cell: products of gradients times products of the weights of the nodes, and of gradients and errors times
// weights. Weights are counted from 0 to the spacing along each axis.
struct MotionModel::Sums {
    int64_t products[3][3][3];  // [weights along y: 00, 01, 11][along x][yy, yx, xx]
    int64_t errors[2][2][2];    // [node along y][along x][y, x]
    int64_t cost;
};

void MotionModel::clear() {
    std::fill(nodes.begin(), nodes.end(), NodeModel{});
    std::fill(cells.begin(), cells.end(), 0);
}

namespace {

// Moments along a row of pixels: 1, f and f^2 times the products, 1 and f times the errors.
struct RowMoments {
    int64_t products[3][3] = {}, errors[2][2] = {};
    int64_t cost = 0;

    // rows: target, and warped above, here and below.
    void collect(const int32_t* const rows[4], int begin, int end) {
        for (int x = begin; x < end; x++) {
            const int64_t f = x - begin;
            const int32_t gy = rows[3][x] - rows[1][x], gx = rows[2][x + 1] - rows[2][x - 1];
            const int32_t error = rows[0][x] - rows[2][x];
            const int64_t product[3] = {gy * gy, gy * gx, gx * gx};
            for (int k = 0; k < 3; k++) {
                products[0][k] += product[k];
                products[1][k] += product[k] * f;
                products[2][k] += product[k] * f * f;
            }
            const int64_t slope[2] = {gy * error, gx * error};
            for (int k = 0; k < 2; k++) {
                errors[0][k] += slope[k];
                errors[1][k] += slope[k] * f;
            }
            cost += error * error;
        }
    }
};

int64_t squared_error(const int32_t* target, const int32_t* warped, int begin, int end) {
    int64_t cost = 0;
    for (int x = begin; x < end; x++) {
        const int32_t error = target[x] - warped[x];
        cost += error * error;
    }
    return cost;
}

void add_scaled(int64_t* to, const int64_t* from, int count, int64_t factor) {
    for (int k = 0; k < count; k++) to[k] += from[k] * factor;
}

}  // namespace

void MotionModel::add(const PaddedFrame& target, const PaddedFrame& warped, int spacing_log2, int scale, bool slopes) {
    const int64_t spacing = int64_t{1} << spacing_log2;
    for (int top = 0; top << spacing_log2 < target.height; top++)
        for (int left = 0; left << spacing_log2 < target.width; left++) {
            const int begin = left << spacing_log2, end = std::min<int>(begin + spacing, target.width);
            const int first = top << spacing_log2, last = std::min<int>(first + spacing, target.height);
            Sums sums{};
            for (int y = first; y < last; y++) {
                if (!slopes) {
                    sums.cost += squared_error(target.row(y), warped.row(y), begin, end);
                    continue;
                }
                const int32_t* const rows[4] = {target.row(y), warped.row(y - 1), warped.row(y), warped.row(y + 1)};
                RowMoments row;
                row.collect(rows, begin, end);
                sums.cost += row.cost;
                // From moments to products of the weights of the nodes: s - f on the left, f on the right.
                int64_t along[3][3], errors[2][2];
                for (int k = 0; k < 3; k++) {
                    along[0][k] = row.products[0][k] * spacing * spacing - row.products[1][k] * 2 * spacing +
                                  row.products[2][k];
                    along[1][k] = row.products[1][k] * spacing - row.products[2][k];
                    along[2][k] = row.products[2][k];
                }
                for (int k = 0; k < 2; k++) {
                    errors[0][k] = row.errors[0][k] * spacing - row.errors[1][k];
                    errors[1][k] = row.errors[1][k];
                }
                const int64_t f = y - first, weights[2] = {spacing - f, f};
                const int64_t pairs[3] = {weights[0] * weights[0], weights[0] * weights[1], weights[1] * weights[1]};
                for (int k = 0; k < 3; k++) add_scaled(sums.products[k][0], along[0], 9, pairs[k]);
                for (int k = 0; k < 2; k++) add_scaled(sums.errors[k][0], errors[0], 4, weights[k]);
            }
            cells[static_cast<size_t>(top) * columns + left] += sums.cost;
            if (slopes) merge(sums, top, left, spacing_log2, scale);
        }
}

void MotionModel::merge(const Sums& sums, int row, int column, int spacing_log2, int scale) {
    // The gradients are differences over two pixels, 16 times the change by 1/8 pixel.
    const auto product = [&](int64_t v) { return (v >> (4 * spacing_log2 - 8)) * scale * scale / 65536; };
    const auto error = [&](int64_t v) { return ((v * scale) >> (2 * spacing_log2)) * 16; };
    const int below = std::min(row + 1, rows - 1), beside = std::min(column + 1, columns - 1);
    NodeModel* corners[2][2];
    for (int i : {0, 1})
        for (int j : {0, 1}) corners[i][j] = &nodes[static_cast<size_t>(i ? below : row) * columns + (j ? beside : column)];
    for (int k = 0; k < 3; k++) {
        for (int i : {0, 1})
            for (int j : {0, 1}) corners[i][j]->own[k] += product(sums.products[2 * i][2 * j][k]);
        for (int i : {0, 1}) corners[i][0]->east[k] += product(sums.products[2 * i][1][k]);
        for (int j : {0, 1}) corners[0][j]->south[k] += product(sums.products[1][2 * j][k]);
        corners[0][0]->south_east[k] += product(sums.products[1][1][k]);
        corners[0][1]->south_west[k] += product(sums.products[1][1][k]);
    }
    for (int k = 0; k < 2; k++)
        for (int i : {0, 1})
            for (int j : {0, 1}) corners[i][j]->slope[k] += error(sums.errors[i][j][k]);
}

int64_t MotionModel::around(int row, int column) const {
    int64_t cost = 0;
    for (int i = std::max(row - 1, 0); i <= row; i++)
        for (int j = std::max(column - 1, 0); j <= column; j++) cost += cells[static_cast<size_t>(i) * columns + j];
    return cost;
}

void MotionModel::slope_at(const std::vector<int>& changes, int row, int column, int64_t slope[2]) const {
    const NodeModel& node = nodes[static_cast<size_t>(row) * columns + column];
    slope[0] = node.slope[0];
    slope[1] = node.slope[1];
    const auto subtract = [&](const int64_t matrix[3], int i, int j) {
        const int* change = &changes[2 * (static_cast<size_t>(i) * columns + j)];
        slope[0] -= matrix[0] * change[0] + matrix[1] * change[1];
        slope[1] -= matrix[1] * change[0] + matrix[2] * change[1];
    };
    const auto at = [&](int i, int j) -> const NodeModel& { return nodes[static_cast<size_t>(i) * columns + j]; };
    const bool west = column > 0, east = column + 1 < columns, north = row > 0, south = row + 1 < rows;
    if (east) subtract(node.east, row, column + 1);
    if (west) subtract(at(row, column - 1).east, row, column - 1);
    if (south) subtract(node.south, row + 1, column);
    if (north) subtract(at(row - 1, column).south, row - 1, column);
    if (south && east) subtract(node.south_east, row + 1, column + 1);
    if (north && west) subtract(at(row - 1, column - 1).south_east, row - 1, column - 1);
    if (south && west) subtract(node.south_west, row + 1, column - 1);
    if (north && east) subtract(at(row - 1, column + 1).south_west, row - 1, column + 1);
}

}  // namespace medcodec
