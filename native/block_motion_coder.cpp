// Block motion as bytes: whether blocks are split, what predicts them, and the differences of their vectors to those of
// their neighbours. The stream is described in medcodec/codecs/wavelet/motion_stream.py.
#include <algorithm>
#include <cstdlib>

#include "block_motion.hpp"
#include "motion_bits.hpp"

namespace medcodec {
namespace {

constexpr const char* kTooLong = "a vector's magnitude has too many bits";
constexpr const char* kBeyond = "a vector is out of bounds";

// A decoder finds units as they are not known yet, and writes them; an encoder finds what it codes.
template <class Coder>
class TreeCoder {
  public:
    TreeCoder(Coder& coder, const BlockGrid& grid, bool both, BlockUnit* units)
        : coder_(coder), grid_(grid), both_(both), units_(units), vectors_(grid) {}

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
        const BlockUnit *left = neighbour(row, column - 1), *above = neighbour(row - 1, column);
        const auto smaller = [&](const BlockUnit* unit) { return unit && unit->log2_units < log2_units; };
        BlockUnit& unit = units_[grid_.at(row, column)];
        if (log2_units > 0 &&
            coder_.code(unit.log2_units < log2_units, split_[log2_units][smaller(left) + smaller(above)])) {
            const int half = 1 << (log2_units - 1);
            for (int quarter = 0; quarter < 4; quarter++)
                if (const char* wrong =
                        block(row + (quarter >> 1) * half, column + (quarter & 1) * half, log2_units - 1))
                    return wrong;
            return nullptr;
        }
        unit.log2_units = static_cast<int16_t>(log2_units);
        return leaf(row, column, unit, left, above);
    }

    const char* leaf(int row, int column, BlockUnit& unit, const BlockUnit* left, const BlockUnit* above) {
        unit.kind = code_kind(unit.kind, left, above);
        const int side = 1 << unit.log2_units;
        int16_t guessed[2][2] = {};
        for (int reference = 0; reference < 2; reference++) {
            const bool used = has_vector(unit.kind, reference);
            bool moved = false;
            for (int component = 0; component < 2; component++) {
                int16_t& value = unit.vectors[reference][component];
                const int expected = unit.kind == kStill ? 0 : vectors_.predict(row, column, side, reference, component);
                if (used) {
                    int difference = value - expected;
                    if (!code_difference(reference, component, moved, difference)) return kTooLong;
                    if (std::abs(expected + difference) > kBlockMaxVector) return kBeyond;
                    value = static_cast<int16_t>(expected + difference);
                    moved = difference != 0;
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

    int16_t code_kind(int kind, const BlockUnit* left, const BlockUnit* above) {
        const auto like = [&](BlockKind which) { return (left && left->kind == which) + (above && above->kind == which); };
        if (coder_.code(kind == kStill, still_[like(kStill)])) return kStill;
        if (!both_) return kPrevious;
        if (coder_.code(kind == kBoth, both_references_[like(kBoth)])) return kBoth;
        return coder_.code(kind == kNext, next_[2 + like(kNext) - like(kPrevious)]) ? kNext : kPrevious;
    }

    bool code_difference(int reference, int component, bool moved, int& difference) {
        if (!coder_.code(difference != 0, nonzero_[reference][component][moved])) {
            difference = 0;
            return true;
        }
        const bool negative = coder_.raw(difference < 0);
        int magnitude = std::abs(difference);
        const bool good = code_magnitude(coder_, prefix_[component], magnitude);
        difference = negative ? -magnitude : magnitude;
        return good;
    }

    Coder& coder_;
    BlockGrid grid_;
    bool both_;
    BlockUnit* units_;
    KnownVectors vectors_;
    AdaptiveBit split_[kRootLog2 - kLeastUnitLog2 + 1][3], still_[3], both_references_[3], next_[5];
    AdaptiveBit nonzero_[2][2][2], prefix_[2][kPrefixes];
};

}  // namespace

void block_motion_encode(const BlockGrid& grid, const BlockUnit* units, bool both, ByteBuffer& out) {
    std::vector<BlockUnit> coded(units, units + grid.size());
    Encoder encoder(out);
    TreeCoder<Encoder>(encoder, grid, both, coded.data()).code();
    encoder.coder.finish();
}

const char* block_motion_decode(const uint8_t* data, size_t size, const BlockGrid& grid, bool both, BlockUnit* units) {
    std::fill_n(units, grid.size(), BlockUnit{});
    Decoder decoder(data, size);
    if (const char* wrong = TreeCoder<Decoder>(decoder, grid, both, units).code()) {
        std::fill_n(units, grid.size(), BlockUnit{});
        return wrong;
    }
    return decoder.coder.plausible() ? nullptr : "the stream is too long or too short";
}

}  // namespace medcodec
