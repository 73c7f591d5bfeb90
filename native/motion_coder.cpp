// Each component of each vector is coded as its difference to the median of its neighbours: a flag for zero, a sign,
// and the magnitude in Exp-Golomb form. Probabilities adapt in contexts of the neighbours' differences.
//
// The second of two fields is coded as its sum with the first: motion that goes on makes the two opposite.
#include "motion_coder.hpp"

#include <vector>

#include "motion_bits.hpp"
#include "motion_field.hpp"

namespace medcodec {
namespace {

constexpr int kClasses = 4;

// Codes the differences of one field; a decoder is given any value and returns the one that was coded.
template <class Coder>
class DifferenceCoder {
  public:
    DifferenceCoder(Coder& coder, int columns)
        : coder_(coder), columns_(columns), above_(2 * static_cast<size_t>(columns)) {}

    // False where a decoded magnitude is longer than any that is allowed.
    bool code(int column, int component, int& difference) {
        int& memory = above_[2 * static_cast<size_t>(column) + component];
        const int left = column > 0 ? (&memory)[-2] : 0;
        const int size = class_of(left + memory);
        const int other = component == 1 ? (above_[2 * static_cast<size_t>(column)] != 0) : 0;
        const bool good = code_difference(
            difference, [&](bool bit) { return coder_.code(bit, nonzero_[component][other][size]); },
            [&](bool bit) { return coder_.raw(bit); },
            [&](bool bit, int place) { return coder_.code(bit, prefix_[component][size][place]); },
            [&](bool bit, int, int) { return coder_.raw(bit); });
        memory = std::abs(difference);
        return good;
    }

  private:
    static int class_of(int sum) { return sum == 0 ? 0 : sum <= 2 ? 1 : sum <= 8 ? 2 : 3; }

    Coder& coder_;
    int columns_;
    std::vector<int> above_;
    AdaptiveBit nonzero_[2][2][kClasses], prefix_[2][kClasses][kPrefixes];
};

}  // namespace

void motion_encode(const int16_t* vectors, int fields, int rows, int columns, ByteBuffer& out) {
    Encoder encoder(out);
    const size_t count = 2 * static_cast<size_t>(rows) * columns;
    std::vector<int16_t> coded(vectors, vectors + count);
    for (int field = 0; field < fields; field++) {
        if (field > 0)
            for (size_t i = 0; i < count; i++) coded[i] = static_cast<int16_t>(vectors[i] + vectors[count + i]);
        DifferenceCoder<Encoder> coder(encoder, columns);
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
                for (int component : {0, 1}) {
                    const size_t at = 2 * (static_cast<size_t>(row) * columns + column) + component;
                    int difference = coded[at] - motion_predict(coded.data(), columns, row, column, component);
                    coder.code(column, component, difference);
                }
    }
    encoder.coder.finish();
}

const char* motion_decode(const uint8_t* data, size_t size, int fields, int rows, int columns, int16_t* vectors) {
    Decoder decoder(data, size);
    const size_t count = 2 * static_cast<size_t>(rows) * columns;
    std::fill_n(vectors, count * fields, int16_t{0});
    for (int field = 0; field < fields; field++) {
        int16_t* coded = vectors + count * field;
        DifferenceCoder<Decoder> coder(decoder, columns);
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
                for (int component : {0, 1}) {
                    const size_t at = 2 * (static_cast<size_t>(row) * columns + column) + component;
                    const int predicted = motion_predict(coded, columns, row, column, component);
                    int difference = 0;
                    if (!coder.code(column, component, difference)) return "a vector's magnitude has too many bits";
                    const int value = predicted + difference;
                    if (std::abs(value) > kMotionMaxVector * (field + 1)) return "a vector is out of bounds";
                    coded[at] = static_cast<int16_t>(value);
                }
        if (field == 0) continue;
        for (size_t i = 0; i < count; i++) {
            const int value = coded[i] - vectors[i];
            if (std::abs(value) > kMotionMaxVector) {
                std::fill_n(coded, count, int16_t{0});
                return "a vector is out of bounds";
            }
            coded[i] = static_cast<int16_t>(value);
        }
    }
    return decoder.coder.plausible() ? nullptr : "the stream is too long or too short";
}

}  // namespace medcodec
