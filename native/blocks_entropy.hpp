// Contexts, frequency tables and interleaved rANS of the block codec.
#pragma once
#include <array>
#include <memory>
#include <vector>

#include "blocks_bytes.hpp"
#include "blocks_kernels.hpp"

namespace medcodec::blocks {

constexpr int kAllLevels = kLevels * kContextClasses;

using Counts = std::array<std::uint32_t, kMaxTokens>;

// Which context each level of each class falls in, and the token frequencies of each context.
struct ContextModel {
    std::uint8_t context[kAllLevels] = {};  // index: class * kLevels + level
    int contexts = 0;
    std::uint16_t frequency[kMaxContexts][kMaxTokens] = {};
    int highest[kMaxContexts] = {};  // token with a frequency
    int mode[kMaxContexts] = {};     // token whose frequency is what the others leave
};

constexpr int kLogBits = 12;  // fraction bits of the integer logarithm
// log2 in units of 2**-kLogBits.
std::int64_t log2_fixed(std::uint32_t value);

// Merges neighbouring levels as long as that makes the stream shorter; the same on every machine.
ContextModel choose_contexts(const std::vector<Counts>& counts, int classes);

void write_model(const ContextModel&, int classes, BitWriter&);
ContextModel read_model(BitReader&, int classes);

// Lengths of the runs after which the lanes start again at the first: each row's even and odd columns.
struct Phases {
    std::int64_t rows, even, odd;
};

// A token with its level, which indexes ContextModel::context.
using LevelToken = std::uint16_t;
constexpr LevelToken level_token(std::uint8_t level, std::uint8_t token) {
    return static_cast<LevelToken>(level << 8 | token);
}

// Final states and words of encoded tokens.
class EncodedTokens {
  public:
    // Encodes tokens; there is at most one word for each, so that the words take their places.
    EncodedTokens(std::vector<LevelToken> tokens, const Phases&, const ContextModel&, int lanes);
    std::size_t size() const { return 4 * states_.size() + 2 * (words_.size() - first_); }
    // In decoding order.
    void append_to(ByteWriter&) const;

  private:
    std::vector<std::uint16_t> words_;  // from first_ on
    std::size_t first_;
    std::vector<std::uint32_t> states_;
};

// Decoding tables of a model, ready for the kernels.
class DecodeTables {
  public:
    DecodeTables(const ContextModel&, int classes);
    TokenTables of_class(int context_class) const {
        return {entries_.data(), contexts_.data() + context_class * kLevels};
    }

  private:
    std::vector<std::uint32_t> entries_;
    std::array<std::uint8_t, kAllLevels> contexts_;
};

// Reads the states that start a stream of tokens.
Lanes read_lanes(const std::uint8_t* data, std::size_t size, int lanes);
// Throws unless the stream has been read to its end and every lane is back where the encoder began.
void check_finished(const Lanes&);

}  // namespace medcodec::blocks
