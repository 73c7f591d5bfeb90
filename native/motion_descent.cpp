#include "motion_descent.hpp"

namespace medcodec {
namespace {

constexpr int kPasses = 3;
// Estimated vectors stay in +-64 pixels.
constexpr int kLargest = 512;

// About what the coder spends on a difference, in 1/256 bit.
int difference_bits(int difference) {
    int magnitude = std::abs(difference), bits = 0;
    if (magnitude == 0) return 64;
    while (magnitude >> 1 >> bits != 0) bits++;
    return 256 * 3 + 448 * bits + 256;
}

struct Change {
    int y, x;
};

class Descent {
  public:
    Descent(const MotionModel& model, MotionVectors& vectors, int64_t lambda, int radius)
        : model_(model), vectors_(vectors), lambda_(lambda), radius_(radius), start_(vectors.values),
          changes_(vectors.values.size()) {}

    void run() {
        for (int pass = 0; pass < kPasses; pass++) {
            bool changed = false;
            const int count = model_.rows * model_.columns;
            for (int k = 0; k < count; k++) {
                const int node = pass % 2 ? count - 1 - k : k;
                changed |= improve(node / model_.columns, node % model_.columns);
            }
            if (!changed) return;
        }
    }

  private:
    bool improve(int row, int column) {
        const NodeModel& node = model_.nodes[static_cast<size_t>(row) * model_.columns + column];
        int64_t slope[2];
        model_.slope_at(changes_, row, column, slope);
        const int* change = &changes_[index(row, column)];
        const Change before{change[0], change[1]};
        best_ = before;
        best_cost_ = cost(node, slope, row, column, before);
        const auto offer = [&](int y, int x) { consider(node, slope, row, column, {y, x}); };
        const Change solved = solve(node, slope);
        offer(solved.y, solved.x);
        offer_vector(offer, row, column, motion_predict(vectors_.values.data(), model_.columns, row, column, 0),
                     motion_predict(vectors_.values.data(), model_.columns, row, column, 1));
        offer_vector(offer, row, column, 0, 0);
        if (column > 0) offer_node(offer, row, column, row, column - 1);
        if (column + 1 < model_.columns) offer_node(offer, row, column, row, column + 1);
        if (row > 0) offer_node(offer, row, column, row - 1, column);
        if (row + 1 < model_.rows) offer_node(offer, row, column, row + 1, column);
        const Change centre = best_;
        for (int step : {-1, 1}) {
            offer(centre.y + step, centre.x);
            offer(centre.y, centre.x + step);
        }
        set(row, column, best_);
        return best_.y != before.y || best_.x != before.x;
    }

    template <class Offer>
    void offer_vector(const Offer& offer, int row, int column, int y, int x) const {
        const int16_t* start = &start_[index(row, column)];
        offer(y - start[0], x - start[1]);
    }
    template <class Offer>
    void offer_node(const Offer& offer, int row, int column, int other_row, int other_column) const {
        const int16_t* other = vectors_.at(other_row, other_column);
        offer_vector(offer, row, column, other[0], other[1]);
    }

    void consider(const NodeModel& node, const int64_t slope[2], int row, int column, Change change) {
        if (std::abs(change.y) > radius_ || std::abs(change.x) > radius_) return;
        const int16_t* start = &start_[index(row, column)];
        if (std::abs(start[0] + change.y) > kLargest || std::abs(start[1] + change.x) > kLargest) return;
        const int64_t found = cost(node, slope, row, column, change);
        if (found >= best_cost_) return;
        best_cost_ = found;
        best_ = change;
    }

    int64_t cost(const NodeModel& node, const int64_t slope[2], int row, int column, Change change) {
        const int64_t y = change.y, x = change.x;
        set(row, column, change);
        const int64_t error = y * y * node.own[0] + 2 * y * x * node.own[1] + x * x * node.own[2] -
                              2 * (y * slope[0] + x * slope[1]);
        return error + lambda_ * vectors_.local_bits(row, column);
    }

    void set(int row, int column, Change change) {
        const size_t at = index(row, column);
        changes_[at] = change.y;
        changes_[at + 1] = change.x;
        vectors_.values[at] = static_cast<int16_t>(start_[at] + change.y);
        vectors_.values[at + 1] = static_cast<int16_t>(start_[at + 1] + change.x);
    }

    // The change that makes the modelled error least, were the others to stay; a little less, as gradients are noisy.
    Change solve(const NodeModel& node, const int64_t slope[2]) const {
        int64_t yy = node.own[0] + node.own[0] / 16 + 1, yx = node.own[1], xx = node.own[2] + node.own[2] / 16 + 1;
        int64_t sy = slope[0], sx = slope[1];
        while (std::max({yy, xx, std::abs(sy), std::abs(sx)}) >= int64_t{1} << 30) {
            for (int64_t* v : {&yy, &yx, &xx, &sy, &sx}) *v /= 2;
        }
        const int64_t determinant = yy * xx - yx * yx;
        if (determinant <= 0) return {0, 0};
        const auto divided = [&](int64_t v) {
            const int64_t rounded = (v + (v < 0 ? -determinant : determinant) / 2) / determinant;
            return static_cast<int>(std::clamp<int64_t>(rounded, -radius_, radius_));
        };
        return {divided(xx * sy - yx * sx), divided(yy * sx - yx * sy)};
    }

    size_t index(int row, int column) const { return 2 * (static_cast<size_t>(row) * model_.columns + column); }

    const MotionModel& model_;
    MotionVectors& vectors_;
    const int64_t lambda_;
    const int radius_;
    const std::vector<int16_t> start_;
    std::vector<int> changes_;
    Change best_{};
    int64_t best_cost_ = 0;
};

}  // namespace

int MotionVectors::local_bits(int row, int column) const {
    const auto bits_at = [&](int i, int j) {
        int bits = 0;
        for (int component : {0, 1})
            bits += difference_bits(at(i, j)[component] - motion_predict(values.data(), columns, i, j, component));
        return bits;
    };
    int bits = bits_at(row, column);
    if (column + 1 < columns) bits += bits_at(row, column + 1);
    if (row + 1 == rows) return bits;
    bits += bits_at(row + 1, column);
    if (column > 0) bits += bits_at(row + 1, column - 1);
    if (column + 2 == columns) bits += bits_at(row + 1, column + 1);
    return bits;
}

void motion_descend(const MotionModel& model, MotionVectors& vectors, int64_t lambda, int radius) {
    Descent(model, vectors, lambda, radius).run();
}

}  // namespace medcodec
