// Residuals of a coded stream, decoded row by row ahead of the voxels: their contexts need no voxels.
#pragma once
#include <algorithm>
#include <vector>

#include "blocks_codec.hpp"
#include "blocks_ops.hpp"
#include "blocks_parts.hpp"
#include "blocks_planes.hpp"

namespace medcodec::blocks {

// Frames are numbered through all sequences; the last kWavefront of them are kept.
template <class T>
class Residuals {
  public:
    Residuals(Parts& parts, const Shape& shape, const Kernels& kernels, const Header& header)
        : parts_(parts),
          shape_(shape),
          ops_{kernels},
          magnitude_shift_(header.magnitude_shift),
          half_((shape.width + 1) / 2),
          data_(static_cast<std::size_t>(shape.width * kept_rows(shape) + kPadRight)),
          tables_(parts.token_model, kContextClasses),
          activity_(shape),
          levels_(static_cast<std::size_t>(half_ + kPadRight)),
          tokens_(levels_.size()) {}

    // Of the even columns of row y of a frame; `odd` of the others.
    const T* even(std::int64_t frame, std::int64_t y) const {
        return data_.data() + (frame % kWavefront * shape_.height + y) * shape_.width;
    }
    const T* odd(std::int64_t frame, std::int64_t y) const { return even(frame, y) + half_; }

    // Decodes the frames before `end` that were not yet. Whole vectors are written: what goes beyond the even columns
    // of a row, or beyond the row, is written over by what comes next.
    void decode(std::int64_t end) {
        for (; number_ < end; ++number_) {
            for (y_ = 0; y_ < shape_.height; ++y_) decode_row();
            if (++frame_ < shape_.frames) continue;
            frame_ = 0;
            ++sequence_;
        }
    }

    // Throws unless all that the stream holds was used.
    void check_finished() const {
        medcodec::blocks::check_finished(parts_.lanes);
        if (parts_.raw.size - parts_.raw.at > 7) throw Error("block stream has raw bits left over");
    }

  private:
    static std::int64_t kept_rows(const Shape& shape) {
        return shape.height * std::min<std::int64_t>(kWavefront, shape.sequences * shape.frames);
    }

    void decode_row() {
        const std::int64_t odd = shape_.width / 2, even = shape_.width - odd;
        const ActivityRows rows = activity_.rows(sequence_, frame_, y_);
        const int classes = frame_class(sequence_, frame_) == kIntra ? 0 : 2;
        T* residuals = const_cast<T*>(this->even(number_, y_));
        ops_.k.even_levels(rows, even, levels_.data());
        decode_phase(even, classes, activity_.even(sequence_, frame_, y_), residuals);
        ops_.k.odd_levels(rows, odd, levels_.data());
        decode_phase(odd, classes + 1, activity_.odd(sequence_, frame_, y_), residuals + half_);
    }

    void decode_phase(std::int64_t count, int context_class, std::uint16_t* magnitudes, T* residuals) {
        const TokenTables tables = tables_.of_class(context_class);
        Lanes& lanes = parts_.lanes;
        if (lanes.end - lanes.words >= 2 * (count + kMaxLanes))
            ops_.k.decode_tokens(lanes, tables, levels_.data(), count, tokens_.data());
        else if (!generic::decode_checked(lanes, tables, levels_.data(), count, tokens_.data()))
            throw Error("block stream lacks rANS words");
        RawBits& raw = parts_.raw;
        const std::uint64_t most = static_cast<std::uint64_t>(count) * 8 * sizeof(T) + 64;
        if (raw.safe - raw.at >= most)
            ops_.expand(tokens_.data(), count, magnitude_shift_, raw, residuals, magnitudes);
        else if (!generic::expand_checked(tokens_.data(), count, magnitude_shift_, raw, residuals, magnitudes))
            throw Error("block stream lacks raw bits");
        if (raw.at > raw.size) throw Error("block stream lacks raw bits");
    }

    Parts& parts_;
    const Shape& shape_;
    Ops<T> ops_;
    int magnitude_shift_;
    std::int64_t half_;
    std::int64_t number_ = 0, sequence_ = 0, frame_ = 0, y_ = 0;  // the next row; number: of its frame
    std::vector<T> data_;
    DecodeTables tables_;
    ActivityStore activity_;
    std::vector<std::uint8_t> levels_, tokens_;
};

}  // namespace medcodec::blocks
