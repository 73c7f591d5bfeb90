// The encoder of the block codec: choose predictors, gather statistics, write.
#include <algorithm>
#include <limits>
#include <utility>

#include "blocks_codec.hpp"
#include "blocks_entropy.hpp"
#include "blocks_ops.hpp"
#include "blocks_rows.hpp"
#include "blocks_train.hpp"
#include "blocks_values.hpp"

namespace medcodec::blocks {
namespace {

// What a stream is made of, but for its head.
struct Gathered {
    Predictors predictors;
    std::vector<LevelToken> tokens, choices;
    std::vector<Counts> token_counts, choice_counts;
    BitSink raw;
};

template <class T>
class FrameEncoder {
  public:
    using U = typename generic::Arithmetic<T>::Unsigned;

    FrameEncoder(const Planes<T>& planes, const Load& load, const Kernels& kernels, const Header& header, Gathered& out)
        : planes_(planes),
          load_(load),
          shape_(planes.shape()),
          ops_{kernels},
          header_(header),
          range_(header.span),
          out_(out),
          stride_(shape_.width + kPadRight),
          residuals_(static_cast<std::size_t>(kBlock * stride_)),
          activity_(shape_),
          line_(static_cast<std::size_t>(shape_.width + kPadRight)),
          zigzag_(line_.size()),
          tokens_(line_.size()),
          levels_(line_.size()) {}

    // False if the stream would take `limit` bytes or more.
    bool encode(std::size_t limit) {
        out_.predictors = train(planes_, load_, ops_.k, header_.span);
        if (limit != kNoLimit) {
            code_frames();
            if (least_size() >= limit) return false;
        }
        keeps_ = true;
        out_.tokens.reserve(static_cast<std::size_t>(shape_.voxels()));
        code_frames();
        return true;
    }

  private:
    void code_frames() {
        for (auto* counts : {&out_.token_counts, &more_counts_, &out_.choice_counts}) counts->assign(kAllLevels, {});
        out_.choices.clear();
        for (std::int64_t s = 0; s < shape_.sequences; ++s)
            for (std::int64_t f = 0; f < shape_.frames; ++f) encode_frame(s, f);
        for (std::size_t i = 0; i < more_counts_.size(); ++i)
            for (std::size_t t = 0; t < kMaxTokens; ++t) out_.token_counts[i][t] += more_counts_[i][t];
    }

    void encode_frame(std::int64_t s, std::int64_t f) {
        load_(s, f);
        for (std::int64_t first = 0; first < shape_.height; first += kBlock) {
            choose_row(s, f, first);
            if (first == 0 && frame_class(s, f) == kIntra) first_row(s, f);
            const std::int64_t end = std::min<std::int64_t>(first + kBlock, shape_.height);
            for (std::int64_t y = first; y < end; ++y) code_row(s, f, y);
        }
    }

    void choose_row(std::int64_t s, std::int64_t f, std::int64_t y) {
        const int cls = frame_class(s, f);
        RowTaps<T> rows[kBlock];
        const T* voxels[kBlock];
        BlockTask<T> task{
            rows,           0,          0,          0, voxels, out_.predictors.weights[cls], out_.predictors.count[cls],
            tap_pairs(cls), range_.low, range_.high};
        task.row_count = static_cast<int>(std::min<std::int64_t>(kBlock, shape_.height - y));
        for (int j = 0; j < task.row_count; ++j) {
            rows[j] = planes_.taps(s, f, y + j);
            voxels[j] = planes_.row(s, f, y + j);
        }
        int left = 0;
        for (std::int64_t x = 0; x < shape_.width; x += kBlock) {
            task.column = x;
            task.columns = static_cast<int>(std::min<std::int64_t>(kBlock, shape_.width - x));
            const int choice = ops_.choose_block(task, residuals_.data() + x, stride_);
            out_.choices.push_back(level_token(static_cast<std::uint8_t>(left), static_cast<std::uint8_t>(choice)));
            ++out_.choice_counts[static_cast<std::size_t>(left)][static_cast<std::size_t>(choice)];
            left = choice;
        }
    }

    // With nothing above it, the very first row is predicted from the left.
    void first_row(std::int64_t s, std::int64_t f) {
        const T* row = planes_.row(s, f, 0);
        for (std::int64_t x = 0; x < shape_.width; ++x)
            residuals_[static_cast<std::size_t>(x)] =
                generic::wrap<T>(static_cast<generic::Sum<T>>(row[x]) - row[x - 1]);
    }

    void code_row(std::int64_t s, std::int64_t f, std::int64_t y) {
        const T* residuals = residuals_.data() + y % kBlock * stride_;
        const std::int64_t odd = shape_.width / 2, even = shape_.width - odd;
        const ActivityRows rows = activity_.rows(s, f, y);
        const int classes = frame_class(s, f) == kIntra ? 0 : 2;

        for (std::int64_t i = 0; i < even; ++i) line_[static_cast<std::size_t>(i)] = residuals[2 * i];
        ops_.k.even_levels(rows, even, levels_.data());
        code_phase(even, classes, activity_.even(s, f, y));
        for (std::int64_t i = 0; i < odd; ++i) line_[static_cast<std::size_t>(i)] = residuals[2 * i + 1];
        ops_.k.odd_levels(rows, odd, levels_.data());
        code_phase(odd, classes + 1, activity_.odd(s, f, y));
    }

    void code_phase(std::int64_t count, int context_class, std::uint16_t* magnitudes) {
        std::uint8_t *tokens = tokens_.data(), *levels = levels_.data();
        ops_.tokenise(line_.data(), count, header_.magnitude_shift, zigzag_.data(), tokens, magnitudes);
        const int offset = context_class * kLevels;
        for (std::int64_t i = 0; i < count; ++i) levels[i] = static_cast<std::uint8_t>(levels[i] + offset);
        // Two sets of counters: the same one is seldom needed twice in a row.
        Counts *counts = out_.token_counts.data(), *more = more_counts_.data();
        std::int64_t i = 0;
        for (; i + 1 < count; i += 2) {
            ++counts[levels[i]][tokens[i]];
            ++more[levels[i + 1]][tokens[i + 1]];
        }
        if (i < count) ++counts[levels[i]][tokens[i]];
        if (!keeps_) return;
        put_raw(tokens, count);
        const std::size_t before = out_.tokens.size();
        out_.tokens.resize(before + static_cast<std::size_t>(count));
        LevelToken* kept = out_.tokens.data() + before;
        for (i = 0; i < count; ++i) kept[i] = level_token(levels[i], tokens[i]);
    }

    void put_raw(const std::uint8_t* tokens, std::int64_t count) {
        BitSink& raw = out_.raw;
        raw.make_room(static_cast<std::size_t>(count));
        constexpr std::int64_t kTogether = sizeof(T) == 2 ? 4 : 1;  // at most 56 bits
        std::int64_t i = 0;
        for (; i + kTogether <= count; i += kTogether) {
            std::uint64_t value = 0;
            int filled = 0;
            for (std::int64_t j = i; j < i + kTogether; ++j) {
                const int bits = kTokenValues.bits[tokens[j]];
                value |= static_cast<std::uint64_t>(zigzag_[static_cast<std::size_t>(j)] & ((1u << bits) - 1))
                         << filled;
                filled += bits;
            }
            raw.put(value, filled);
        }
        for (; i < count; ++i) {
            const int bits = kTokenValues.bits[tokens[i]];
            raw.put(zigzag_[static_cast<std::size_t>(i)] & ((1u << bits) - 1), bits);
        }
    }

    // Fewer bytes than the stream will have: what the tokens' frequencies say, and a little less for coding them.
    std::size_t least_size() const {
        const ContextModel model = choose_contexts(out_.token_counts, kContextClasses);
        std::uint64_t raw = 0, coded = 0;  // bits, and units of 2**-kLogBits of them
        for (std::size_t i = 0; i < out_.token_counts.size(); ++i)
            for (std::size_t t = 0; t < kMaxTokens; ++t) {
                const std::uint64_t count = out_.token_counts[i][t];
                if (!count) continue;
                raw += count * kTokenValues.bits[t];
                const std::uint32_t frequency = model.frequency[model.context[i]][t];
                coded += count * static_cast<std::uint64_t>((std::int64_t{kTableBits} << kLogBits) - log2_fixed(frequency));
            }
        coded >>= kLogBits;
        return static_cast<std::size_t>((raw + coded - coded / kSlack) / 8);
    }

    static constexpr std::uint64_t kSlack = 256;  // of what tokens take, one part in so many

    const Planes<T>& planes_;
    const Load& load_;
    const Shape& shape_;
    Ops<T> ops_;
    const Header& header_;
    Range<T> range_;
    Gathered& out_;
    bool keeps_ = false;  // the tokens of all rows; else only the current row's
    std::ptrdiff_t stride_;
    std::vector<T> residuals_;  // of a row of blocks
    ActivityStore activity_;
    std::vector<T> line_;  // residuals of one phase
    std::vector<U> zigzag_;
    std::vector<std::uint8_t> tokens_, levels_;
    std::vector<Counts> more_counts_;
};

void write_predictors(const Predictors& predictors, BitWriter& out) {
    for (int c = 0; c < kFrameClasses; ++c) {
        out.put(static_cast<std::uint32_t>(predictors.count[c]), 4);
        for (int k = 0; k < predictors.count[c]; ++k)
            for (int t = 0; t < 2 * tap_pairs(c); ++t)
                out.put(static_cast<std::uint32_t>(predictors.weights[c][k][t]) & 0xffff, 16);
    }
}

// Appends what was gathered to `out`, and takes it away.
void assemble(Gathered& all, const Shape& shape, int lanes, ByteWriter& out) {
    const ContextModel choice_model = choose_contexts(all.choice_counts, 1);
    const ContextModel token_model = choose_contexts(all.token_counts, kContextClasses);
    BitWriter models;
    write_predictors(all.predictors, models);
    write_model(choice_model, 1, models);
    write_model(token_model, kContextClasses, models);
    const std::vector<std::uint8_t> side = models.finish();
    const std::int64_t blocks = static_cast<std::int64_t>(all.choices.size()), odd = shape.width / 2;
    const EncodedTokens choices(std::move(all.choices), {1, blocks, 0}, choice_model, 1);
    const Phases phases{shape.sequences * shape.frames * shape.height, shape.width - odd, odd};
    const EncodedTokens tokens(std::move(all.tokens), phases, token_model, lanes);
    const std::vector<std::uint8_t> raw = all.raw.finish();
    out.data.reserve(out.data.size() + 12 + side.size() + choices.size() + raw.size() + tokens.size());
    out.put(side.size(), 4);
    out.put(choices.size(), 4);
    out.put(raw.size(), 4);
    out.append(side);
    choices.append_to(out);
    out.append(raw);
    tokens.append_to(out);
}

template <class T, class Value>
void fill(Planes<T>& planes, std::int64_t s, std::int64_t f, const Value* voxels, const Header& header,
          const ValueMap& map) {
    const Shape& shape = planes.shape();
    voxels += (s * shape.frames + f) * shape.height * shape.width;
    for (std::int64_t y = 0; y < shape.height; ++y, voxels += shape.width) {
        map.to_stored(voxels, shape.width, header, planes.row(s, f, y));
        planes.set_left_pad(s, f, y);
        planes.set_right_pad(s, f, y);
    }
}

void write_head(Mode mode, const Header& header, const ValueMap& map, ByteWriter& out) {
    out.put(kVersion, 1);
    out.put(mode, 1);
    out.put(header.flags, 1);
    out.put(static_cast<std::uint32_t>(header.base), 4);
    out.put(header.span, 4);
    out.put(static_cast<std::uint64_t>(header.magnitude_shift), 1);
    if (header.flags & kMapped) map.write(out);
}

// Empty if that would take `limit` bytes or more.
template <class T, class Value>
std::vector<std::uint8_t> encode_coded(const Value* voxels, const Shape& shape, Header header, const ValueMap& map,
                                       const Kernels& kernels, std::size_t limit) {
    const Shape frames = canonical(shape);
    Gathered all;
    {
        Planes<T> planes(frames, true);
        const Load load = [&](std::int64_t s, std::int64_t f) { fill(planes, s, f, voxels, header, map); };
        if (!FrameEncoder<T>(planes, load, kernels, header, all).encode(limit)) return {};
    }
    ByteWriter out;
    write_head(kCoded, header, map, out);
    assemble(all, frames, header.flags & kManyLanes ? kMaxLanes : kFewLanes, out);
    return std::move(out.data);
}

template <class Value>
std::vector<std::uint8_t> encode_rows(const Value* voxels, const Shape& shape, const Header& header,
                                      const ValueMap& map) {
    std::vector<std::uint16_t> stored(static_cast<std::size_t>(shape.voxels()));
    map.to_stored(voxels, shape.voxels(), header, stored.data());
    ByteWriter out;
    write_head(kRows, header, map, out);
    out.append(rows::encode(stored.data(), shape, header.span));
    return std::move(out.data);
}

template <class Value>
std::vector<std::uint8_t> encode_stored(const Value* voxels, std::int64_t count, std::int32_t base,
                                        std::uint32_t span) {
    ByteWriter out;
    out.put(kVersion, 1);
    out.put(kStored, 1);
    out.put(static_cast<std::uint32_t>(base), 4);
    const int bytes = stored_bytes(span);
    out.put(static_cast<std::uint64_t>(bytes), 1);
    for (std::int64_t i = 0; i < count; ++i)
        out.put(static_cast<std::uint32_t>(voxels[i]) - static_cast<std::uint32_t>(base), bytes);
    return std::move(out.data);
}

std::vector<std::uint8_t> encode_constant(std::int32_t value) {
    ByteWriter out;
    out.put(kVersion, 1);
    out.put(kConstant, 1);
    out.put(static_cast<std::uint32_t>(value), 4);
    return std::move(out.data);
}

// std::minmax_element takes one voxel at a time.
template <class Value>
std::pair<Value, Value> extremes(const Value* voxels, std::int64_t count) {
    Value least = voxels[0], most = voxels[0];
    for (std::int64_t i = 0; i < count; ++i) {
        least = voxels[i] < least ? voxels[i] : least;
        most = voxels[i] > most ? voxels[i] : most;
    }
    return {least, most};
}

// Contexts see magnitudes below kMagnitudeMax: wide ranges are scaled down.
int magnitude_shift(std::uint32_t span) {
    int shift = 0;
    while (span >> shift > 8u * kMagnitudeMax) ++shift;
    return shift;
}

}  // namespace

template <class Value>
std::vector<std::uint8_t> encode(const Value* voxels, const Shape& shape, Path path, bool by_rows,
                                 std::size_t limit) {
    const std::int64_t count = shape.voxels();
    if (count == 0) return encode_constant(0);
    const auto [least, most] = extremes(voxels, count);
    const std::int32_t base = least;
    const std::uint32_t span = static_cast<std::uint32_t>(most) - static_cast<std::uint32_t>(least);
    if (span == 0) return encode_constant(base);
    Header header{0, base, span, 0};
    const ValueMap map = span < 65536 ? ValueMap::of(voxels, count, base, span) : ValueMap();
    if (map.used()) {
        header.flags |= kMapped;
        header.span = map.last();
    }
    std::vector<std::uint8_t> coded;
    if (by_rows && rows::fits(shape, header.span)) {
        coded = encode_rows(voxels, shape, header, map);
    } else {
        header.magnitude_shift = magnitude_shift(header.span);
        if (count >= kManyVoxels) header.flags |= kManyLanes;
        if (span >= 65536) header.flags |= kWide;
        coded = header.flags & kWide ? encode_coded<std::int32_t>(voxels, shape, header, map, kernels(path), limit)
                                     : encode_coded<std::int16_t>(voxels, shape, header, map, kernels(path), limit);
    }
    const std::size_t plain = 7 + static_cast<std::size_t>(count) * static_cast<std::size_t>(stored_bytes(span));
    if (coded.empty() && plain >= limit) return coded;
    return !coded.empty() && coded.size() <= plain ? coded : encode_stored(voxels, count, base, span);
}

template std::vector<std::uint8_t> encode(const std::int8_t*, const Shape&, Path, bool, std::size_t);
template std::vector<std::uint8_t> encode(const std::uint8_t*, const Shape&, Path, bool, std::size_t);
template std::vector<std::uint8_t> encode(const std::int16_t*, const Shape&, Path, bool, std::size_t);
template std::vector<std::uint8_t> encode(const std::uint16_t*, const Shape&, Path, bool, std::size_t);
template std::vector<std::uint8_t> encode(const std::int32_t*, const Shape&, Path, bool, std::size_t);

}  // namespace medcodec::blocks
