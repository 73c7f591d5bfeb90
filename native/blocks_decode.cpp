// The decoder of the block codec. Every length is checked before it is used; a damaged stream is an Error or
// wrong voxels (which the container's checksum finds), never an access out of bounds.
#include <algorithm>

#include "blocks_codec.hpp"
#include "blocks_entropy.hpp"
#include "blocks_ops.hpp"
#include "blocks_train.hpp"
#include "blocks_values.hpp"

namespace medcodec::blocks {
namespace {

Predictors read_predictors(BitReader& in) {
    Predictors p;
    for (int c = 0; c < kFrameClasses; ++c) {
        p.count[c] = static_cast<int>(in.get(4));
        if (p.count[c] > kMaxPredictors) throw Error("block stream has too many predictors");
        for (int k = 0; k < p.count[c]; ++k) {
            std::int64_t sum = 0, absolute = 0;
            for (int t = 0; t < 2 * tap_pairs(c); ++t) {
                const std::int32_t weight = static_cast<std::int16_t>(in.get(16));
                p.weights[c][k][t] = weight;
                sum += weight;
                absolute += weight < 0 ? -weight : weight;
            }
            if (sum != 1 << kWeightBits || absolute > kMaxWeightSum)
                throw Error("block stream has a predictor with wrong weights");
        }
    }
    return p;
}

// Everything of a coded stream but the header.
struct Parts {
    Parts(ByteReader& in, const Shape& shape, int lane_count, int tokens) {
        const std::size_t side = static_cast<std::size_t>(in.get(4));
        const std::size_t choice_bytes = static_cast<std::size_t>(in.get(4));
        const std::size_t raw_bytes = static_cast<std::size_t>(in.get(4));
        BitReader models(in.take(side), side);
        predictors = read_predictors(models);
        const ContextModel choice_model = read_model(models, 1);
        token_model = read_model(models, kContextClasses);
        for (int c = 0; c < token_model.contexts; ++c)
            if (token_model.highest[c] >= tokens)
                throw Error("block stream has tokens beyond the width of its voxels");
        read_choices(in.take(choice_bytes), choice_bytes, choice_model, shape);
        const std::uint8_t* bits = in.take(raw_bytes);
        const std::size_t rest = in.left();
        raw = {bits, 0, 8 * static_cast<std::uint64_t>(raw_bytes), 8 * static_cast<std::uint64_t>(raw_bytes + rest)};
        lanes = read_lanes(in.take(rest), rest, lane_count);
    }

    Predictors predictors;
    ContextModel token_model;
    std::vector<std::uint8_t> choices;
    RawBits raw;
    Lanes lanes;

  private:
    void read_choices(const std::uint8_t* data, std::size_t size, const ContextModel& model, const Shape& shape) {
        const std::int64_t across = (shape.width + kBlock - 1) / kBlock;
        const std::int64_t down = (shape.height + kBlock - 1) / kBlock;
        const DecodeTables tables(model, 1);
        Lanes lane = read_lanes(data, size, 1);
        choices.reserve(static_cast<std::size_t>(shape.sequences * shape.frames * down * across));
        for (std::int64_t s = 0; s < shape.sequences; ++s)
            for (std::int64_t f = 0; f < shape.frames; ++f)
                for (std::int64_t y = 0; y < down; ++y)
                    read_choice_row(lane, tables.of_class(0), across, predictors.count[frame_class(s, f)]);
        check_finished(lane);
    }
    void read_choice_row(Lanes& lane, const TokenTables& tables, std::int64_t across, int most) {
        std::uint8_t choice = 0;
        for (std::int64_t x = 0; x < across; ++x) {
            const std::uint8_t left = choice;
            if (!generic::decode_checked(lane, tables, &left, 1, &choice)) throw Error("block stream lacks choices");
            if (choice > most) throw Error("block stream chooses a predictor that does not exist");
            choices.push_back(choice);
        }
    }
};

template <class T>
class FrameDecoder {
  public:
    using U = typename generic::Arithmetic<T>::Unsigned;
    using Sum = generic::Sum<T>;

    FrameDecoder(Parts& parts, const Shape& shape, const Kernels& kernels, const Header& header)
        : parts_(parts),
          shape_(shape),
          ops_{kernels},
          header_(header),
          range_(header.span),
          planes_(shape),
          tables_(parts.token_model, kContextClasses),
          activity_(shape),
          even_(static_cast<std::size_t>(shape.width / 2 + kPadRight)),
          odd_(even_.size()),
          sums_(static_cast<std::size_t>(shape.width + kPadRight)),
          levels_(static_cast<std::size_t>(shape.width + kPadRight)),
          tokens_(levels_.size()) {}

    template <class Value>
    void decode(const ValueMap& map, Value* voxels) {
        const std::uint8_t* choices = parts_.choices.data();
        const std::int64_t across = (shape_.width + kBlock - 1) / kBlock;
        for (std::int64_t s = 0; s < shape_.sequences; ++s)
            for (std::int64_t f = 0; f < shape_.frames; ++f)
                for (std::int64_t y = 0; y < shape_.height; ++y, voxels += shape_.width) {
                    decode_residuals(s, f, y);
                    reconstruct(s, f, y, choices);
                    map.to_voxels(planes_.row(s, f, y), shape_.width, header_, voxels);
                    if (y % kBlock == kBlock - 1 || y + 1 == shape_.height) choices += across;
                }
        check_finished(parts_.lanes);
        if (parts_.raw.size - parts_.raw.at > 7) throw Error("block stream has raw bits left over");
    }

  private:
    void decode_residuals(std::int64_t s, std::int64_t f, std::int64_t y) {
        const std::int64_t odd = shape_.width / 2, even = shape_.width - odd;
        const ActivityRows rows = activity_.rows(s, f, y);
        const int classes = frame_class(s, f) == kIntra ? 0 : 2;
        Activity& activity = activity_.current(s, f);
        ops_.k.even_levels(rows, even, levels_.data());
        decode_phase(even, classes, activity.even(y), even_.data());
        ops_.k.odd_levels(rows, odd, levels_.data());
        decode_phase(odd, classes + 1, activity.odd(y), odd_.data());
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
            ops_.expand(tokens_.data(), count, header_.magnitude_shift, raw, residuals, magnitudes);
        else if (!generic::expand_checked(tokens_.data(), count, header_.magnitude_shift, raw, residuals, magnitudes))
            throw Error("block stream lacks raw bits");
        if (raw.at > raw.size) throw Error("block stream lacks raw bits");
    }

    void reconstruct(std::int64_t s, std::int64_t f, std::int64_t y, const std::uint8_t* choices) {
        const int cls = frame_class(s, f);
        planes_.set_left_pad(s, f, y);
        T* row = planes_.row(s, f, y);
        if (cls == kIntra && y == 0) {
            run(0, shape_.width, row, [](std::int64_t, Sum w, Sum) { return w; });
        } else {
            const RowTaps<T> taps = planes_.taps(s, f, y);
            for (std::int64_t x = 0; x < shape_.width;) {
                const std::int64_t first = x;
                const int choice = choices[x / kBlock];
                while (x < shape_.width && choices[x / kBlock] == choice) x += kBlock;
                x = std::min(x, shape_.width);
                if (choice == parts_.predictors.count[cls])
                    median_run(taps, first, x, row);
                else
                    linear_run(taps, first, x, parts_.predictors.weights[cls][choice], tap_pairs(cls), row);
            }
        }
        planes_.set_right_pad(s, f, y);
    }

    // Adds residuals to predictions, a function of the column and the two voxels on the left. `first` is even.
    template <class Predict>
    void run(std::int64_t first, std::int64_t end, T* row, Predict predict) {
        Sum w = row[first - 1], ww = row[first - 2];
        std::int64_t x = first;
        for (; x + 1 < end; x += 2) {
            row[x] = generic::wrap<T>(predict(x, w, ww) + even_[static_cast<std::size_t>(x / 2)]);
            ww = row[x];
            row[x + 1] = generic::wrap<T>(predict(x + 1, ww, w) + odd_[static_cast<std::size_t>(x / 2)]);
            w = row[x + 1];
        }
        if (x < end) row[x] = generic::wrap<T>(predict(x, w, ww) + even_[static_cast<std::size_t>(x / 2)]);
    }

    void linear_run(const RowTaps<T>& taps, std::int64_t first, std::int64_t end, const std::int32_t* weights,
                    int pairs, T* row) {
        ops_.tap_sums(taps, first, static_cast<int>(end - first), weights, pairs, sums_.data() + first);
        const Sum weight_w = weights[kW], weight_ww = weights[kWW], low = range_.low, high = range_.high;
        const Sum* sums = sums_.data();
        run(first, end, row, [=](std::int64_t x, Sum w, Sum ww) {
            return generic::clamp<Sum>((sums[x] + weight_ww * ww + weight_w * w) >> kWeightBits, low, high);
        });
    }

    void median_run(const RowTaps<T>& taps, std::int64_t first, std::int64_t end, T* row) {
        const T* n = taps.tap[kN];
        const T* nw = taps.tap[kNW];
        run(first, end, row, [=](std::int64_t x, Sum w, Sum) {
            return generic::median_edge<Sum>(w, n[x], generic::edge_step(n[x], nw[x]));
        });
    }

    Parts& parts_;
    const Shape& shape_;
    Ops<T> ops_;
    const Header& header_;
    Range<T> range_;
    Planes<T> planes_;
    DecodeTables tables_;
    ActivityStore activity_;
    std::vector<T> even_, odd_;  // residuals of one row, by column
    std::vector<Sum> sums_;
    std::vector<std::uint8_t> levels_, tokens_;
};

template <class T, class Value>
void decode_coded(ByteReader& in, const Shape& shape, const Header& header, const ValueMap& map,
                  const Kernels& kernels, Value* voxels) {
    const int tokens = sizeof(T) == 2 ? kMaxTokens / 2 : kMaxTokens;
    Parts parts(in, shape, header.flags & kManyLanes ? kMaxLanes : kFewLanes, tokens);
    FrameDecoder<T>(parts, shape, kernels, header).decode(map, voxels);
}

template <class Value>
void check_range(std::int64_t base, std::int64_t span) {
    if (base < std::numeric_limits<Value>::min() || base + span > std::numeric_limits<Value>::max())
        throw Error("block stream holds values that the type of the voxels cannot");
}

template <class Value>
void decode_stored(ByteReader& in, std::int64_t count, Value* voxels) {
    const std::uint32_t base = static_cast<std::uint32_t>(in.get(4));
    const int bytes = static_cast<int>(in.get(1));
    if (bytes < 1 || bytes > 4) throw Error("block stream has a wrong voxel size");
    if (in.left() != static_cast<std::size_t>(count) * static_cast<std::size_t>(bytes))
        throw Error("block stream has a wrong length");
    for (std::int64_t i = 0; i < count; ++i)
        voxels[i] = static_cast<Value>(static_cast<std::uint32_t>(in.get(bytes)) + base);
}

template <class Value>
void decode_constant(ByteReader& in, std::int64_t count, Value* voxels) {
    const std::int32_t value = static_cast<std::int32_t>(in.get(4));
    if (in.left()) throw Error("block stream has a wrong length");
    check_range<Value>(value, 0);
    std::fill(voxels, voxels + count, static_cast<Value>(value));
}

Header read_header(ByteReader& in) {
    Header h{};
    h.flags = static_cast<std::uint8_t>(in.get(1));
    h.base = static_cast<std::int32_t>(in.get(4));
    h.span = static_cast<std::uint32_t>(in.get(4));
    h.magnitude_shift = static_cast<int>(in.get(1));
    const bool wide = h.flags & kWide;
    if (h.flags > (kWide | kMapped | kManyLanes) || (wide && h.flags & kMapped) || (!wide && h.span > 65535) ||
        h.span == 0 || h.magnitude_shift > 31)
        throw Error("block stream has a wrong header");
    return h;
}

}  // namespace

template <class Value>
void decode(const std::uint8_t* data, std::size_t size, const Shape& shape, Path path, Value* voxels) {
    ByteReader in(data, size);
    if (in.get(1) != kVersion) throw Error("block stream has an unknown version");
    const int mode = static_cast<int>(in.get(1));
    const std::int64_t count = shape.voxels();
    if (mode == kConstant) return decode_constant(in, count, voxels);
    if (mode == kStored) return decode_stored(in, count, voxels);
    if (mode != kCoded || count == 0) throw Error("block stream has an unknown mode");
    const Header header = read_header(in);
    const ValueMap map = header.flags & kMapped ? ValueMap::read(in, header.span) : ValueMap();
    check_range<Value>(header.base, map.used() ? map.span() : header.span);
    const Shape frames = canonical(shape);
    if (header.flags & kWide)
        decode_coded<std::int32_t>(in, frames, header, map, kernels(path), voxels);
    else
        decode_coded<std::int16_t>(in, frames, header, map, kernels(path), voxels);
}

template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int8_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::uint8_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int16_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::uint16_t*);
template void decode(const std::uint8_t*, std::size_t, const Shape&, Path, std::int32_t*);

}  // namespace medcodec::blocks
