// What a coded stream holds beside its header, read and checked.
#pragma once
#include <vector>

#include "blocks_entropy.hpp"
#include "blocks_generic.hpp"
#include "blocks_train.hpp"

namespace medcodec::blocks {

inline Predictors read_predictors(BitReader& in) {
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

}  // namespace medcodec::blocks
