// Interleaved rANS: 31-bit states, 16-bit words, static tables.
#include "blocks_entropy.hpp"

namespace medcodec::blocks {
namespace {

// Division by the frequency as a multiplication, exact for states below 2**31.
struct EncodeEntry {
    std::uint32_t limit_shifted;  // states from here on give up a word: frequency << (31 - kTableBits)
    std::uint32_t reciprocal;
    std::uint32_t bias;
    std::uint16_t complement;
    std::uint16_t shift;
};

EncodeEntry encode_entry(std::uint32_t start, std::uint32_t frequency) {
    EncodeEntry e{};
    e.limit_shifted = frequency << (31 - kTableBits);
    e.complement = static_cast<std::uint16_t>(kTableSize - frequency);
    if (frequency < 2) {
        e.reciprocal = ~0u;
        e.bias = start + kTableSize - 1;
        return e;
    }
    int shift = 0;
    while (frequency > (1u << shift)) ++shift;
    e.reciprocal = static_cast<std::uint32_t>(((std::uint64_t{1} << (shift + 31)) + frequency - 1) / frequency);
    e.shift = static_cast<std::uint16_t>(shift - 1);
    e.bias = start;
    return e;
}

using EncodeTables = std::vector<std::array<EncodeEntry, kMaxTokens>>;

EncodeTables encode_tables(const ContextModel& model) {
    EncodeTables tables(static_cast<std::size_t>(model.contexts));
    for (int c = 0; c < model.contexts; ++c) {
        std::uint32_t start = 0;
        for (int t = 0; t <= model.highest[c]; ++t) {
            const std::uint32_t frequency = model.frequency[c][t];
            if (frequency) tables[c][t] = encode_entry(start, frequency);
            start += frequency;
        }
    }
    return tables;
}

class Encoder {
  public:
    Encoder(const ContextModel& model, std::vector<std::uint16_t>& words, int lanes)
        : tables_(encode_tables(model)), words_(words.data()), at_(words.size()), states_(lanes, kStateLow) {
        for (int i = 0; i < kAllLevels; ++i) of_level_[i] = tables_[model.context[i]].data();
    }

    // The tokens from `first` on; those after them have been encoded.
    void encode_run(std::size_t first, std::int64_t count) {
        const std::size_t mask = states_.size() - 1;
        std::uint32_t* states = states_.data();
        const LevelToken* tokens = words_ + first;
        std::uint16_t* words = words_;
        std::size_t at = at_;
        for (std::int64_t i = count - 1; i >= 0; --i) {
            const EncodeEntry& e = of_level_[tokens[i] >> 8][tokens[i] & 255];
            std::uint32_t& state = states[static_cast<std::size_t>(i) & mask];
            std::uint32_t x = state;
            // Written always, kept only where the state is too large: no branch to mispredict.
            const bool emit = x >= e.limit_shifted;
            words[at - 1] = static_cast<std::uint16_t>(x);
            at -= emit;
            x = emit ? x >> 16 : x;
            const std::uint32_t quotient =
                static_cast<std::uint32_t>((static_cast<std::uint64_t>(x) * e.reciprocal) >> 32) >> e.shift;
            state = x + e.bias + quotient * e.complement;
        }
        at_ = at;
    }

    std::size_t at() const { return at_; }
    const std::vector<std::uint32_t>& states() const { return states_; }

  private:
    EncodeTables tables_;
    const EncodeEntry* of_level_[kAllLevels];
    std::uint16_t* words_;  // written from the end
    std::size_t at_;
    std::vector<std::uint32_t> states_;
};

}  // namespace

EncodedTokens::EncodedTokens(std::vector<LevelToken> tokens, const Phases& phases, const ContextModel& model, int lanes)
    : words_(std::move(tokens)) {
    Encoder encoder(model, words_, lanes);
    std::size_t end = words_.size();
    for (std::int64_t row = 0; row < phases.rows; ++row)
        for (std::int64_t count : {phases.odd, phases.even}) {
            end -= static_cast<std::size_t>(count);
            encoder.encode_run(end, count);
        }
    first_ = encoder.at();
    states_ = encoder.states();
}

void EncodedTokens::append_to(ByteWriter& out) const {
    for (std::uint32_t state : states_) out.put(state, 4);
    std::size_t to = out.data.size();
    out.data.resize(to + 2 * (words_.size() - first_));
    for (std::size_t i = first_; i < words_.size(); ++i, to += 2) {
        out.data[to] = static_cast<std::uint8_t>(words_[i]);
        out.data[to + 1] = static_cast<std::uint8_t>(words_[i] >> 8);
    }
}

DecodeTables::DecodeTables(const ContextModel& model, int classes)
    : entries_(static_cast<std::size_t>(model.contexts) * kTableSize), contexts_{} {
    std::uint32_t* entry = entries_.data();
    for (int c = 0; c < model.contexts; ++c) {
        for (int t = 0; t <= model.highest[c]; ++t) {
            const std::uint32_t frequency = model.frequency[c][t];
            const std::uint32_t common = frequency << 7 | static_cast<std::uint32_t>(t);
            for (std::uint32_t i = 0; i < frequency; ++i) *entry++ = i << 20 | common;
        }
    }
    std::copy(model.context, model.context + classes * kLevels, contexts_.begin());
}

Lanes read_lanes(const std::uint8_t* data, std::size_t size, int lanes) {
    ByteReader in(data, size);
    Lanes result{};
    result.count = lanes;
    for (int i = 0; i < lanes; ++i) {
        result.state[i] = static_cast<std::uint32_t>(in.get(4));
        if (result.state[i] < kStateLow || result.state[i] >> 31) throw Error("block stream has a wrong rANS state");
    }
    if (in.left() % 2) throw Error("block stream has half a rANS word");
    result.end = data + size;
    result.words = result.end - in.left();
    return result;
}

void check_finished(const Lanes& lanes) {
    bool good = lanes.words == lanes.end;
    for (int i = 0; i < lanes.count; ++i) good = good && lanes.state[i] == kStateLow;
    if (!good) throw Error("block stream is damaged: the rANS states do not end where they began");
}

}  // namespace medcodec::blocks
