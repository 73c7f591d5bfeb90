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

// Encodes tokens; `levels` index ContextModel::context. Returns final states and words, in decoding order.
std::vector<std::uint8_t> encode_tokens(const std::vector<std::uint8_t>& tokens,
                                        const std::vector<std::uint8_t>& levels, const Phases&, const ContextModel&,
                                        int lanes);

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
