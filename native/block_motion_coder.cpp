// Block motion as bytes: whether blocks are split, what predicts them, and the differences of their vectors to those of
// their neighbours. The stream is described in medcodec/codecs/wavelet/motion_stream.py.
#include <algorithm>
#include <cstdlib>

#include "block_motion_contexts.hpp"

namespace medcodec {
namespace {

constexpr const char* kTooLong = "a vector's magnitude has too many bits";
constexpr const char* kBeyond = "a vector is out of bounds";

// How streams of older versions code bits: each frame begins anew.
class FirstContexts {
  public:
    template <class Coder>
    bool split(Coder& coder, bool bit, const BlockPlace& at) {
        return coder.code(bit, split_[at.log2_units][at.smaller()]);
    }

    template <class Coder>
    bool kind(Coder& coder, bool bit, KindQuestion question, const BlockPlace& at) {
        return coder.code(bit, kind_[question][likeness(question, at)]);
    }

    template <class Coder>
    bool difference(Coder& coder, const VectorPlace& at, int& difference) {
        return code_difference(
            difference, [&](bool bit) { return coder.code(bit, nonzero_[at.reference][at.component][at.moved > 0]); },
            [&](bool bit) { return coder.raw(bit); },
            [&](bool bit, int place) { return coder.code(bit, prefix_[at.component][place]); },
            [&](bool bit, int, int) { return coder.raw(bit); });
    }

  private:
    AdaptiveBit split_[kBlockSizes][3], kind_[3][5];
    AdaptiveBit nonzero_[2][2][2], prefix_[2][kPrefixes];
};

// A decoder finds units as they are not known yet, and writes them; an encoder finds what it codes.
template <class Coder, class Contexts>
class TreeCoder {
  public:
    TreeCoder(Coder& coder, Contexts& contexts, const BlockGrid& grid, bool both, BlockUnit* units)
        : coder_(coder), contexts_(contexts), grid_(grid), both_(both), units_(units), vectors_(grid) {}

    const char* code() {
        for (int row = 0; row < grid_.rows; row += grid_.root())
            for (int column = 0; column < grid_.columns; column += grid_.root())
                if (const char* wrong = block(row, column, kRootLog2 - grid_.unit_log2)) return wrong;
        return nullptr;
    }

  private:
    const BlockUnit* neighbour(int row, int column) const {
        return vectors_.known(row, column) ? &units_[grid_.at(row, column)] : nullptr;
    }

    const char* block(int row, int column, int log2_units) {
        if (!grid_.has(row, column)) return nullptr;
        const BlockPlace at{neighbour(row, column - 1), neighbour(row - 1, column), log2_units};
        BlockUnit& unit = units_[grid_.at(row, column)];
        if (log2_units > 0 && contexts_.split(coder_, unit.log2_units < log2_units, at)) {
            const int half = 1 << (log2_units - 1);
            for (int quarter = 0; quarter < 4; quarter++)
                if (const char* wrong =
                        block(row + (quarter >> 1) * half, column + (quarter & 1) * half, log2_units - 1))
                    return wrong;
            return nullptr;
        }
        unit.log2_units = static_cast<int16_t>(log2_units);
        unit.kind = code_kind(unit.kind, at);
        return vectors(row, column, unit);
    }

    int16_t code_kind(int kind, const BlockPlace& at) {
        const auto is = [&](KindQuestion question, BlockKind wanted) {
            return contexts_.kind(coder_, kind == wanted, question, at);
        };
        if (is(kIsStill, kStill)) return kStill;
        if (!both_) return kPrevious;
        if (is(kIsBoth, kBoth)) return kBoth;
        return is(kIsNext, kNext) ? kNext : kPrevious;
    }

    const char* vectors(int row, int column, BlockUnit& unit) {
        const int side = 1 << unit.log2_units;
        int16_t guessed[2][2] = {};
        for (int reference = 0; reference < 2; reference++) {
            const bool used = has_vector(unit.kind, reference);
            int moved = 0;
            for (int component = 0; component < 2; component++) {
                int16_t& value = unit.vectors[reference][component];
                const Candidates candidates = vectors_.candidates(row, column, side, reference, component);
                const int expected = unit.kind == kStill ? 0 : candidates.expected();
                if (used) {
                    int difference = value - expected;
                    const VectorPlace at{reference, component, moved, unit.log2_units, unit.kind == kBoth, candidates};
                    if (!contexts_.difference(coder_, at, difference)) return kTooLong;
                    if (std::abs(expected + difference) > kBlockMaxVector) return kBeyond;
                    value = static_cast<int16_t>(expected + difference);
                    moved = std::abs(difference);
                } else {
                    value = 0;
                }
                guessed[reference][component] = used ? value : static_cast<int16_t>(expected);
            }
        }
        vectors_.set(row, column, side, guessed);
        const BlockUnit coded = unit;
        for (int y = row; y < std::min(row + side, grid_.rows); y++)
            for (int x = column; x < std::min(column + side, grid_.columns); x++) units_[grid_.at(y, x)] = coded;
        return nullptr;
    }

    Coder& coder_;
    Contexts& contexts_;
    BlockGrid grid_;
    bool both_;
    BlockUnit* units_;
    KnownVectors vectors_;
};

template <class Contexts>
const char* decode(Decoder& decoder, Contexts& contexts, const BlockGrid& grid, bool both, BlockUnit* units) {
    return TreeCoder<Decoder, Contexts>(decoder, contexts, grid, both, units).code();
}

}  // namespace

void block_motion_encode(const BlockGrid& grid, const BlockUnit* units, bool both, BlockContexts& contexts, ByteBuffer& out) {
    std::vector<BlockUnit> coded(units, units + grid.size());
    Encoder encoder(out);
    TreeCoder<Encoder, BlockContexts>(encoder, contexts, grid, both, coded.data()).code();
    encoder.coder.finish();
}

const char* block_motion_decode(const uint8_t* data, size_t size, const BlockGrid& grid, bool both, BlockContexts* contexts,
                                BlockUnit* units) {
    std::fill_n(units, grid.size(), BlockUnit{});
    Decoder decoder(data, size);
    FirstContexts first;
    const char* wrong = contexts ? decode(decoder, *contexts, grid, both, units) : decode(decoder, first, grid, both, units);
    if (wrong) {
        std::fill_n(units, grid.size(), BlockUnit{});
        return wrong;
    }
    return decoder.coder.plausible() ? nullptr : "the stream is too long or too short";
}

}  // namespace medcodec
