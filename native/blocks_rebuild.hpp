// From residuals to voxels. Each needs the one on its left, so that a row alone leaves most of a vector unit
// idle: where there is a kernel for it, a row of each of several frames is rebuilt at once, two rows behind that
// of the frame before.
#pragma once
#include <algorithm>
#include <vector>

#include "blocks_ops.hpp"
#include "blocks_planes.hpp"
#include "blocks_residuals.hpp"
#include "blocks_values.hpp"

namespace medcodec::blocks {

template <class T>
class Rebuilder {
  public:
    Rebuilder(const Parts& parts, const Residuals<T>& residuals, const Shape& shape, const Kernels& kernels,
              const Header& header)
        : parts_(parts),
          residuals_(residuals),
          shape_(shape),
          ops_{kernels},
          header_(header),
          range_(header.span),
          across_((shape.width + kBlock - 1) / kBlock),
          down_((shape.height + kBlock - 1) / kBlock),
          planes_(shape, false) {
        for (Row& row : rows_) row.sums.resize(static_cast<std::size_t>(shape.width + kPadRight));
        wave_.low = range_.low, wave_.high = range_.high;
        make_serial();
    }

    // Rebuilds the frames from `first` to before `end`, at most kWavefront, and writes them among all voxels.
    template <class Value>
    void rebuild(std::int64_t first, std::int64_t end, const ValueMap& map, Value* voxels) {
        for (std::int64_t i = 0; i < end - first; ++i) {
            Row& row = rows_[i];
            row.number = first + i;
            row.sequence = row.number / shape_.frames, row.frame = row.number % shape_.frames;
            row.frame_class = frame_class(row.sequence, row.frame);
        }
        if constexpr (sizeof(T) == 2) {
            if (ops_.k.rebuild_wave && end - first >= kLeastWave)
                return waves(static_cast<int>(end - first), map, voxels);
        }
        for (Row* row = rows_; row != rows_ + (end - first); ++row) {
            for (std::int64_t y = 0; y < shape_.height; ++y) {
                begin_row(*row, y);
                for (std::int64_t x = 0; x < shape_.width; x += kBlock) rebuild_block(*row, x);
                end_row(*row, map, voxels);
            }
        }
    }

  private:
    using Sum = generic::Sum<T>;
    static constexpr std::int64_t kLeastWave = 3;
    // A row that is being rebuilt.
    struct Row {
        std::int64_t number, sequence, frame, y;  // number: of the frame, through all sequences
        int frame_class;
        T* voxels;
        const T *even, *odd;  // residuals by column
        RowTaps<T> taps;
        const std::uint8_t* choices;
        std::vector<Sum> sums;
    };

    void begin_row(Row& row, std::int64_t y) {
        row.y = y;
        planes_.set_left_pad(row.sequence, row.frame, y);
        row.voxels = planes_.row(row.sequence, row.frame, y);
        row.even = residuals_.even(row.number, y), row.odd = residuals_.odd(row.number, y);
        planes_.set_taps(row.sequence, row.frame, y, row.taps);
        row.choices = parts_.choices.data() + (row.number * down_ + y / kBlock) * across_;
        add_taps(row);
    }

    template <class Value>
    void end_row(const Row& row, const ValueMap& map, Value* voxels) {
        planes_.set_right_pad(row.sequence, row.frame, row.y);
        map.to_voxels(row.voxels, shape_.width, header_, voxels + (row.number * shape_.height + row.y) * shape_.width);
    }

    // Sums the taps that are known before the row is, a run of blocks with the same predictor at a time.
    void add_taps(Row& row) {
        if (copies_left(row)) return std::fill(row.sums.begin(), row.sums.end(), Sum{0});
        for (std::int64_t x = 0; x < shape_.width;) {
            const std::int64_t first = x;
            const int choice = row.choices[x / kBlock];
            while (x < shape_.width && row.choices[x / kBlock] == choice) x += kBlock;
            if (choice == parts_.predictors.count[row.frame_class]) continue;
            const int columns = static_cast<int>(std::min(x, shape_.width) - first);
            ops_.tap_sums(row.taps, first, columns, parts_.predictors.weights[row.frame_class][choice],
                          tap_pairs(row.frame_class), row.sums.data() + first);
        }
    }

    static bool copies_left(const Row& row) { return row.frame_class == kIntra && row.y == 0; }

    template <class Value>
    void waves(int count, const ValueMap& map, Value* voxels) {
        for (std::int64_t step = 0; step < shape_.height + 2 * (count - 1); ++step) {
            const int begin = static_cast<int>(std::max<std::int64_t>(0, (step - shape_.height + 2) / 2));
            const int end = static_cast<int>(std::min<std::int64_t>(count, step / 2 + 1));
            if (begin == end) continue;  // frames of one row
            for (int i = begin; i < end; ++i) begin_row(rows_[i], step - 2 * i);
            begin_wave(begin, end);
            for (std::int64_t x = 0; x < shape_.width; x += kBlock) rebuild_wave(x);
            for (int i = begin; i < end; ++i) end_row(rows_[i], map, voxels);
        }
    }

    // Lanes without a row repeat the first one that has, and write the same voxels.
    void begin_wave(int begin, int end) {
        for (int i = 0; i < kWavefront; ++i) {
            const Row& row = rows_[i >= begin && i < end ? i : begin];
            wave_.sums[i] = row.sums.data();
            wave_.even[i] = row.even, wave_.odd[i] = row.odd;
            wave_.north[i] = row.taps.tap[kN];
            wave_.voxels[i] = row.voxels;
            choices_[i] = row.choices;
            serial_[i] = copies_left(row) ? left_ : serial_of_[row.frame_class];
        }
    }

    void rebuild_wave(std::int64_t x) {
        std::int32_t any_median = 0;
        for (int i = 0; i < kWavefront; ++i) {
            const Serial& serial = serial_[i][choices_[i][x / kBlock]];
            wave_.weights[i] = serial.weights;
            wave_.median[i] = serial.median;
            any_median |= serial.median;
        }
        wave_.any_median = any_median;
        ops_.k.rebuild_wave(wave_, x);
    }

    // How a wave takes a predictor: as weights of the taps on the left, or as MED.
    struct Serial {
        std::int32_t weights, median;
    };

    void make_serial() {
        for (Serial& serial : left_) serial = {1 << kWeightBits, 0};
        for (int c = 0; c < kFrameClasses; ++c) {
            for (int k = 0; k < parts_.predictors.count[c]; ++k) {
                const std::int32_t* weights = parts_.predictors.weights[c][k];
                const std::uint32_t pair = (static_cast<std::uint32_t>(weights[kW]) & 0xffff) |
                                           static_cast<std::uint32_t>(weights[kWW]) << 16;
                serial_of_[c][k] = {static_cast<std::int32_t>(pair), 0};
            }
            serial_of_[c][parts_.predictors.count[c]] = {0, -1};
        }
    }

    void rebuild_block(Row& row, std::int64_t first) {
        const std::int64_t end = std::min<std::int64_t>(first + kBlock, shape_.width);
        const int choice = row.choices[first / kBlock];
        if (copies_left(row))
            run(row, first, end, [](std::int64_t, Sum w, Sum) { return w; });
        else if (choice == parts_.predictors.count[row.frame_class])
            median_run(row, first, end);
        else
            linear_run(row, first, end, parts_.predictors.weights[row.frame_class][choice]);
    }

    // Adds residuals to predictions, a function of the column and the two voxels on the left. `first` is even.
    template <class Predict>
    void run(Row& row, std::int64_t first, std::int64_t end, Predict predict) {
        T* voxels = row.voxels;
        const T *even = row.even, *odd = row.odd;
        Sum w = voxels[first - 1], ww = voxels[first - 2];
        std::int64_t x = first;
        for (; x + 1 < end; x += 2) {
            ww = voxels[x] = generic::wrap<T>(predict(x, w, ww) + even[x / 2]);
            w = voxels[x + 1] = generic::wrap<T>(predict(x + 1, ww, w) + odd[x / 2]);
        }
        if (x < end) voxels[x] = generic::wrap<T>(predict(x, w, ww) + even[x / 2]);
    }

    void linear_run(Row& row, std::int64_t first, std::int64_t end, const std::int32_t* weights) {
        const Sum weight_w = weights[kW], weight_ww = weights[kWW], low = range_.low, high = range_.high;
        const Sum* sums = row.sums.data();
        run(row, first, end, [=](std::int64_t x, Sum w, Sum ww) {
            return generic::clamp<Sum>((sums[x] + weight_ww * ww + weight_w * w) >> kWeightBits, low, high);
        });
    }

    void median_run(Row& row, std::int64_t first, std::int64_t end) {
        const T* n = row.taps.tap[kN];
        const T* nw = row.taps.tap[kNW];
        run(row, first, end, [=](std::int64_t x, Sum w, Sum) {
            return generic::median_edge<Sum>(w, n[x], generic::edge_step(n[x], nw[x]));
        });
    }

    const Parts& parts_;
    const Residuals<T>& residuals_;
    const Shape& shape_;
    Ops<T> ops_;
    const Header& header_;
    Range<T> range_;
    std::int64_t across_, down_;  // blocks in a row and in a column
    Planes<T> planes_;
    Row rows_[kWavefront];
    Serial left_[kMaxPredictors + 1], serial_of_[kFrameClasses][kMaxPredictors + 1];
    Wave wave_{};
    const Serial* serial_[kWavefront];
    const std::uint8_t* choices_[kWavefront];
};

}  // namespace medcodec::blocks
