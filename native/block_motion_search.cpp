// The search for the motion of blocks: encoder only, in integers, so that each machine finds the same. Whole pixels by
// trying all, for all sizes of blocks at once; then halves of a pixel for the blocks that were chosen.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "block_motion.hpp"

namespace medcodec {
namespace {

constexpr int kSearchBits = 12;  // of samples, so that sums over units of 16 x 16 fit 32 bits
constexpr int kBitUnits = 16;    // rates are in 1/16 bit
constexpr int64_t kSplitBits = kBitUnits, kKindBits = 2 * kBitUnits, kStillBits = kBitUnits / 2;

// About what a difference of vectors costs, by component.
int64_t difference_bits(int difference) {
    if (difference == 0) return kBitUnits / 2;
    int length = 0;
    for (int rest = std::abs(difference); rest; rest >>= 1) length++;
    return kBitUnits * 5 / 2 + kBitUnits * 6 / 5 * length;
}

// Samples of few bits, with a border that repeats those at the edge.
struct Plane {
    Plane(const int32_t* from, int height, int width, int border, int shift)
        : stride(width + 2 * border), border(border), values(static_cast<size_t>(height + 2 * border) * stride) {
        for (int y = -border; y < height + border; y++)
            for (int x = -border; x < width + border; x++)
                values[static_cast<size_t>(y + border) * stride + x + border] = static_cast<int16_t>(
                    from[static_cast<size_t>(std::clamp(y, 0, height - 1)) * width + std::clamp(x, 0, width - 1)] >> shift);
    }
    const int16_t* at(int y, int x) const { return &values[static_cast<size_t>(y + border) * stride + x + border]; }

    int stride, border;
    std::vector<int16_t> values;
};

class Search {
  public:
    explicit Search(const BlockRequest& request)
        : request_(request), grid_(BlockGrid::of(request.height, request.width, request.unit_log2)),
          units_(grid_.size()), known_(grid_), shift_(shift_of(request)),
          penalty_(std::max<int64_t>(request.penalty >> (2 * shift_), 1)),
          side_(2 * request.reach + 1), target_(request.target, request.height, request.width, 0, shift_) {
        for (const int32_t* frame : {request.previous, request.next})
            if (frame) references_.emplace_back(frame, request.height, request.width, request.reach, shift_);
    }

    std::vector<BlockUnit> run() {
        const int log2_units = kRootLog2 - grid_.unit_log2;
        std::vector<Sums> sums(static_cast<size_t>(log2_units) + 1, Sums(references_.size()));
        for (int row = 0; row < grid_.rows; row += grid_.root()) {
            for (size_t reference = 0; reference < references_.size(); reference++) fill(reference, row);
            for (int column = 0; column < grid_.columns; column += grid_.root())
                choose(row, column, log2_units, sums.data() + log2_units);
        }
        known_ = KnownVectors(grid_);
        for (int row = 0; row < grid_.rows; row += grid_.root())
            for (int column = 0; column < grid_.columns; column += grid_.root()) refine(row, column, log2_units);
        return units_;
    }

  private:
    // Squared differences of a block for each vector in reach, by reference.
    using Sums = std::vector<std::vector<int64_t>>;
    struct Choice {
        int64_t cost;
        int16_t kind;
        int16_t vectors[2][2];
    };

    static int shift_of(const BlockRequest& request) {
        int32_t largest = 0;
        const size_t count = static_cast<size_t>(request.height) * request.width;
        for (const int32_t* frame : {request.target, request.previous, request.next})
            if (frame) largest = std::max(largest, *std::max_element(frame, frame + count));
        int shift = 0;
        while (largest >> shift >> kSearchBits) shift++;
        return shift;
    }

    size_t candidates() const { return static_cast<size_t>(side_) * side_; }

    // The sums of the units in a row of largest blocks.
    void fill(size_t reference, int first_row) {
        const int unit = 1 << grid_.unit_log2, rows = std::min(grid_.root(), grid_.rows - first_row);
        std::vector<uint32_t>& table = tables_[reference];
        table.resize(static_cast<size_t>(rows) * grid_.columns * candidates());
        std::vector<uint32_t> line(static_cast<size_t>(request_.width));
        for (int row = 0; row < rows; row++) {
            const int begin = (first_row + row) * unit, end = std::min(begin + unit, request_.height);
            for (size_t k = 0; k < candidates(); k++) {
                std::fill(line.begin(), line.end(), 0u);
                for (int y = begin; y < end; y++) {
                    const int16_t *a = target_.at(y, 0), *b = references_[reference].at(y + down(k), across(k));
                    for (int x = 0; x < request_.width; x++) {
                        const int difference = a[x] - b[x];
                        line[static_cast<size_t>(x)] += static_cast<uint32_t>(difference * difference);
                    }
                }
                for (int column = 0; column < grid_.columns; column++) {
                    const auto from = line.begin() + column * unit;
                    const auto to = line.begin() + std::min((column + 1) * unit, request_.width);
                    table[grid_.at(row, column) * candidates() + k] = std::accumulate(from, to, 0u);
                }
            }
        }
    }
    int down(size_t candidate) const { return static_cast<int>(candidate) / side_ - request_.reach; }
    int across(size_t candidate) const { return static_cast<int>(candidate) % side_ - request_.reach; }

    // Decides about a block and all that it may be split into; returns what it costs and leaves its sums.
    int64_t choose(int row, int column, int log2_units, Sums* sums) {
        for (auto& of_reference : *sums) of_reference.assign(candidates(), 0);
        if (!grid_.has(row, column)) return 0;
        int64_t split = -1;
        if (log2_units == 0) {
            const size_t at = grid_.at(row % grid_.root(), column) * candidates();
            for (size_t reference = 0; reference < references_.size(); reference++)
                std::copy_n(&tables_[reference][at], candidates(), (*sums)[reference].begin());
        } else {
            const int half = 1 << (log2_units - 1);
            split = rate(2 * kSplitBits);
            for (int quarter = 0; quarter < 4; quarter++) {
                split += choose(row + (quarter >> 1) * half, column + (quarter & 1) * half, log2_units - 1, sums - 1);
                for (size_t reference = 0; reference < references_.size(); reference++)
                    for (size_t k = 0; k < candidates(); k++) (*sums)[reference][k] += sums[-1][reference][k];
            }
        }
        const Choice choice = whole(row, column, 1 << log2_units, *sums);
        if (split >= 0 && split <= choice.cost) return split;
        write(row, column, log2_units, choice);
        return choice.cost;
    }

    int64_t rate(int64_t bits) const { return penalty_ * bits / kBitUnits; }

    // The cheapest way to predict a block as a whole, by whole pixels.
    Choice whole(int row, int column, int side, const Sums& sums) {
        Choice best{penalised(difference_of_mean(row, column, side, 0, 0, 0, 0), kStillBits), kStill, {}};
        Choice both{rate(kKindBits), kBoth, {}};
        for (size_t reference = 0; reference < references_.size(); reference++) {
            const int expected[2] = {known_.predict(row, column, side, static_cast<int>(reference), 0),
                                     known_.predict(row, column, side, static_cast<int>(reference), 1)};
            std::vector<int64_t> of_across(static_cast<size_t>(side_));
            for (int i = 0; i < side_; i++)
                of_across[static_cast<size_t>(i)] = rate(difference_bits(2 * (i - request_.reach) - expected[1]));
            Choice alone{std::numeric_limits<int64_t>::max(), static_cast<int16_t>(reference ? kNext : kPrevious), {}};
            size_t found = 0;
            int64_t found_rate = 0;
            for (int i = 0; i < side_; i++) {
                const int64_t of_down = rate(difference_bits(2 * (i - request_.reach) - expected[0]));
                for (int k = 0; k < side_; k++) {
                    const size_t at = static_cast<size_t>(i) * side_ + k;
                    const int64_t bits = of_down + of_across[static_cast<size_t>(k)];
                    const int64_t cost = 256 * sums[reference][at] + bits;
                    if (cost >= alone.cost) continue;
                    alone.cost = cost;
                    found = at;
                    found_rate = bits;
                }
            }
            int16_t(&vector)[2] = both.vectors[reference];
            vector[0] = alone.vectors[reference][0] = static_cast<int16_t>(2 * down(found));
            vector[1] = alone.vectors[reference][1] = static_cast<int16_t>(2 * across(found));
            both.cost += found_rate;
            alone.cost += rate(kKindBits);
            if (alone.cost < best.cost) best = alone;
        }
        if (references_.size() < 2) return best;
        const auto(&v)[2][2] = both.vectors;
        both.cost += 256 * difference_of_mean(row, column, side, v[0][0] / 2, v[0][1] / 2, v[1][0] / 2, v[1][1] / 2);
        return both.cost < best.cost ? both : best;
    }

    int64_t penalised(int64_t difference, int64_t bits) const { return 256 * difference + rate(bits); }

    // Of the mean of both references, moved by whole pixels; of the only one without a second.
    int64_t difference_of_mean(int row, int column, int side, int y0, int x0, int y1, int x1) const {
        const int unit = 1 << grid_.unit_log2, left = column * unit;
        const int width = std::min((column + side) * unit, request_.width) - left;
        int64_t sum = 0;
        for (int y = row * unit; y < std::min((row + side) * unit, request_.height); y++) {
            const int16_t *t = target_.at(y, left), *a = references_[0].at(y + y0, left + x0);
            const int16_t* b = references_.size() > 1 ? references_[1].at(y + y1, left + x1) : a;
            uint32_t line = 0;
            for (int x = 0; x < width; x++) {
                const int difference = t[x] - ((a[x] + b[x] + 1) >> 1);
                line += static_cast<uint32_t>(difference * difference);
            }
            sum += line;
        }
        return sum;
    }

    void write(int row, int column, int log2_units, const Choice& choice) {
        const int side = 1 << log2_units;
        BlockUnit unit{static_cast<int16_t>(log2_units), choice.kind, {}};
        int16_t guessed[2][2] = {};
        for (int reference = 0; reference < 2; reference++)
            for (int component = 0; component < 2 && choice.kind != kStill; component++) {
                const bool used = has_vector(choice.kind, reference);
                if (used) unit.vectors[reference][component] = choice.vectors[reference][component];
                guessed[reference][component] =
                    used ? choice.vectors[reference][component]
                         : static_cast<int16_t>(known_.predict(row, column, side, reference, component));
            }
        for (int y = row; y < std::min(row + side, grid_.rows); y++)
            for (int x = column; x < std::min(column + side, grid_.columns); x++) units_[grid_.at(y, x)] = unit;
        known_.set(row, column, side, guessed);
    }

    // Takes the vectors of the blocks within one to halves of a pixel.
    void refine(int row, int column, int log2_units) {
        if (!grid_.has(row, column)) return;
        const BlockUnit unit = units_[grid_.at(row, column)];
        if (unit.log2_units < log2_units) {
            const int half = 1 << (log2_units - 1);
            for (int quarter = 0; quarter < 4; quarter++)
                refine(row + (quarter >> 1) * half, column + (quarter & 1) * half, log2_units - 1);
            return;
        }
        Choice choice{0, unit.kind, {}};
        std::copy_n(&unit.vectors[0][0], 4, &choice.vectors[0][0]);
        for (int reference = 0; reference < 2; reference++)
            if (has_vector(unit.kind, reference)) refine_vector(row, column, 1 << log2_units, reference, choice);
        write(row, column, log2_units, choice);
    }

    void refine_vector(int row, int column, int side, int reference, Choice& choice) {
        const int unit = 1 << grid_.unit_log2, top = row * unit, left = column * unit;
        const int height = std::min(top + side * unit, request_.height) - top;
        const int width = std::min(left + side * unit, request_.width) - left;
        const auto read = [&](int which, int y, int x, std::vector<int32_t>& out) {
            out.resize(static_cast<size_t>(height) * width);
            const FrameView frame{which ? request_.next : request_.previous, request_.height, request_.width};
            read_block(frame, 2 * top + y, 2 * left + x, height, width, out.data());
        };
        std::vector<int32_t> other, moved;
        const bool both = choice.kind == kBoth;
        if (both) read(1 - reference, choice.vectors[1 - reference][0], choice.vectors[1 - reference][1], other);
        const int expected[2] = {known_.predict(row, column, side, reference, 0), known_.predict(row, column, side, reference, 1)};
        const auto cost = [&](int y, int x) {
            read(reference, y, x, moved);
            int64_t sum = 0;
            for (int i = 0; i < height; i++) {
                const int32_t* wanted = request_.target + static_cast<size_t>(top + i) * request_.width + left;
                for (int k = 0; k < width; k++) {
                    const size_t at = static_cast<size_t>(i) * width + k;
                    const int64_t difference = wanted[k] - (both ? (moved[at] + other[at] + 1) >> 1 : moved[at]);
                    sum += difference * difference;
                }
            }
            return 256 * sum + request_.penalty * (difference_bits(y - expected[0]) + difference_bits(x - expected[1])) / kBitUnits;
        };
        int16_t(&vector)[2] = choice.vectors[reference];
        int64_t best = cost(vector[0], vector[1]);
        const auto attempt = [&](int y, int x) {
            if (std::max(std::abs(y), std::abs(x)) > kBlockMaxVector) return;
            const int64_t found = cost(y, x);
            if (found >= best) return;
            best = found;
            vector[0] = static_cast<int16_t>(y);
            vector[1] = static_cast<int16_t>(x);
        };
        attempt(expected[0], expected[1]);
        const int y = vector[0], x = vector[1];
        for (int k = 0; k < 9; k++)
            if (k != 4) attempt(y + k / 3 - 1, x + k % 3 - 1);
    }

    BlockRequest request_;
    BlockGrid grid_;
    std::vector<BlockUnit> units_;
    KnownVectors known_;
    int shift_;
    int64_t penalty_;
    int side_;
    Plane target_;
    std::vector<Plane> references_;
    std::vector<uint32_t> tables_[2];
};

}  // namespace

std::vector<BlockUnit> block_motion_estimate(const BlockRequest& request) { return Search(request).run(); }

}  // namespace medcodec
