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
    Encoder(const ContextModel& model, std::size_t tokens, int lanes)
        : tables_(encode_tables(model)),
          words_(new std::uint16_t[tokens]),
          end_(tokens),
          at_(tokens),
          mask_(lanes - 1) {
        for (int i = 0; i < kAllLevels; ++i) of_level_[i] = tables_[model.context[i]].data();
        for (std::uint32_t& state : state_) state = kStateLow;
    }

    void encode_run(const std::uint8_t* tokens, const std::uint8_t* levels, std::int64_t count) {
        std::uint16_t* words = words_.get();
        std::size_t at = at_;
        for (std::int64_t i = count - 1; i >= 0; --i) {
            const EncodeEntry& e = of_level_[levels[i]][tokens[i]];
            std::uint32_t x = state_[i & mask_];
            // Written always, kept only where the state is too large: no branch to mispredict.
            const bool emit = x >= e.limit_shifted;
            words[at - 1] = static_cast<std::uint16_t>(x);
            at -= emit;
            x = emit ? x >> 16 : x;
            const std::uint32_t quotient =
                static_cast<std::uint32_t>((static_cast<std::uint64_t>(x) * e.reciprocal) >> 32) >> e.shift;
            state_[i & mask_] = x + e.bias + quotient * e.complement;
        }
        at_ = at;
    }

    std::vector<std::uint8_t> finish() {
        ByteWriter out;
        for (int i = 0; i <= mask_; ++i) out.put(state_[i], 4);
        std::size_t to = out.data.size();
        out.data.resize(to + 2 * (end_ - at_));
        for (; at_ < end_; ++at_, to += 2) {
            out.data[to] = static_cast<std::uint8_t>(words_[at_]);
            out.data[to + 1] = static_cast<std::uint8_t>(words_[at_] >> 8);
        }
        return std::move(out.data);
    }

  private:
    EncodeTables tables_;
    const EncodeEntry* of_level_[kAllLevels];
    std::unique_ptr<std::uint16_t[]> words_;  // written from the end
    std::size_t end_, at_;
    int mask_;
    std::uint32_t state_[kMaxLanes];
};

}  // namespace

std::vector<std::uint8_t> encode_tokens(const std::vector<std::uint8_t>& tokens,
                                        const std::vector<std::uint8_t>& levels, const Phases& phases,
                                        const ContextModel& model, int lanes) {
    // One word per token at most, and one slot that is written but never kept.
    Encoder encoder(model, tokens.size() + 1, lanes);
    std::size_t end = tokens.size();
    for (std::int64_t row = 0; row < phases.rows; ++row) {
        end -= static_cast<std::size_t>(phases.odd);
        encoder.encode_run(tokens.data() + end, levels.data() + end, phases.odd);
        end -= static_cast<std::size_t>(phases.even);
        encoder.encode_run(tokens.data() + end, levels.data() + end, phases.even);
    }
    return encoder.finish();
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
