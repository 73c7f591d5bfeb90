// Codes float and wide-integer voxels: class, sign and size of the prediction error by context, the rest raw.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "floats_blend.hpp"
#include "floats_coder.hpp"
#include "floats_error.hpp"
#include "floats_field.hpp"
#include "floats_numbers.hpp"

namespace floats {

struct Settings {
    Kind kind;
    int width, shift, scale;         // bits per voxel, common trailing zeros, binary exponent of a typical voxel
    std::vector<uint64_t> frequent;  // words with a class of their own, at most `most_frequent`
    bool repeats;                    // whether there are classes for words equal to a neighbour
    const SquaresKernels* squares;
    uint64_t table;                  // number of distinct words in the table of numbers, 0 without one
};

// Class 0 is a number that is predicted, class n > 0 the n-th frequent word.
enum : unsigned { same_as_west = 12, same_as_north = 13, same_as_before = 14, escape = 15, most_frequent = 11 };

// Voxels are words of type `Word`.
template <class Word, class Coder, int Blocks>
class Kernel {
public:
    Kernel(Coder& coder, const Settings& settings, Shape shape)
        : coder_(coder), settings_(settings), shape_(shape), stride_(shape.width + 2 * Ring<double>::side),
          numbers_(Format(settings.kind, settings.width, settings.shift), settings.scale), error_(coder, numbers_),
          blend_(shape.width, *settings.squares), values_(shape.sequences > 1 ? shape.frames + 2 : 3, shape.height, shape.width),
          errors_(2, shape.height, shape.width), words_(2, shape.height, shape.width),
          classes_(2, shape.height, shape.width), columns_(static_cast<size_t>(shape.width + 2 * wide)),
          class_bits_(1 << 16) {
        with_classes_ = settings.repeats || !settings.frequent.empty() || settings.kind == Kind::ieee_float;
    }

    // Codes all voxels. `present` are the words that `settings.table` announces (used by the encoder only).
    // Returns false if the coded data end too early or make no sense.
    template <class Load, class Store>
    bool run(const uint64_t* present, Load load, Store store) {
        if (settings_.table && !code_table(present)) return false;
        int64_t at = 0;
        for (int64_t frame = 0; frame < shape_.sequences * shape_.frames; ++frame) {
            begin_frame(frame);
            for (int64_t y = 0; y < shape_.height; ++y) {
                begin_row(y);
                for (int64_t x = 0; x < shape_.width; ++x, ++at) {
                    if (y == 0) for_rings([x](auto& ring) { ring.extend_above(x); });
                    const uint64_t word = code_voxel(Coder::encoding ? load(at) : 0, y, x);
                    if (!Coder::encoding) store(at, word);
                }
                for_rings([y](auto& ring) { ring.end_row(y); });
                if (coder_.overrun()) return false;
            }
            for_rings([](auto& ring) { ring.end_frame(); });
        }
        return true;
    }

private:
    static constexpr int wide = 3;

    template <class Action>
    void for_rings(Action action) {
        action(values_);
        action(errors_);
        action(words_);
        action(classes_);
    }

    bool code_table(const uint64_t* present) {
        std::vector<uint64_t> table(Coder::encoding ? settings_.table : 0);
        for (size_t n = 0; n < table.size(); ++n) table[n] = numbers_.format().ordered(present[n]);
        std::sort(table.begin(), table.end());
        std::vector<Bit> lengths(65 * 128);
        uint64_t before = 0;
        unsigned context = 64;
        for (uint64_t n = 0; n < settings_.table; ++n) {
            const uint64_t gap = Coder::encoding ? table[n] - before : 0;
            unsigned length = 0;
            while (length < 64 && gap >> length) ++length;
            length = code_bits(coder_, &lengths[context * 128], length, 7);
            if (length > 64 || (n && !length) || coder_.overrun()) return false;
            uint64_t step = length ? uint64_t{1} << (length - 1) : 0;
            if (length > 1) step |= coder_.raw(gap & (step - 1), static_cast<int>(length) - 1);
            if (step > numbers_.format().last() - before) return false;
            before += step;
            context = length;
            if (!Coder::encoding) table.push_back(before);
        }
        numbers_.set_table(std::move(table));
        return true;
    }

    void begin_frame(int64_t frame) {
        const int64_t index = frame % shape_.frames;
        has_before_ = index > 0;
        for_rings([&](auto& ring) { ring.begin_frame(frame, has_before_ ? frame - 1 : frame); });
        second_ = index > 1 ? values_.frame(frame - 2) : nullptr;
        aside_ = frame >= shape_.frames ? values_.frame(frame - shape_.frames) : nullptr;
    }

    void begin_row(int64_t y) {
        values_.begin_row(y, has_before_ ? values_.then[0] : 0);
        errors_.begin_row(y, has_before_ ? errors_.then[0] : 0);
        words_.begin_row(y, 0);
        classes_.begin_row(y, 0);
    }

    uint64_t code_voxel(uint64_t word, int64_t y, int64_t x) {
        const int64_t at = y * stride_ + x;
        unsigned kind = 0;
        if (with_classes_) {
            if (Coder::encoding) kind = class_of(word, at);
            kind = code_class(kind, at);
            classes_.now[at] = static_cast<uint8_t>(kind);
        }
        word = kind ? code_special(kind, word, at) : code_number(word, at, x);
        words_.now[at] = static_cast<Word>(word);
        return word;
    }

    unsigned class_of(uint64_t word, int64_t at) const {
        for (size_t n = 0; n < settings_.frequent.size(); ++n) {
            if (word == settings_.frequent[n]) return 1 + static_cast<unsigned>(n);
        }
        if (!numbers_.format().is_finite(word)) return escape;
        if (settings_.repeats) {
            if (word == words_.now[at - 1]) return same_as_west;
            if (word == words_.now[at - stride_]) return same_as_north;
            if (has_before_ && word == words_.then[at]) return same_as_before;
        }
        return 0;
    }

    unsigned code_class(unsigned kind, int64_t at) {
        const uint8_t* c = classes_.now + at;
        const unsigned west = c[-1], north = c[-stride_], before = has_before_ ? classes_.then[at] : 0;
        const unsigned then = before == west ? 0 : before == north ? 1 : before ? 2 : 3;
        const unsigned corner = c[-stride_ - 1] == west, east = c[-stride_ + 1] == north;
        Bit* bits = &class_bits_[(west | north << 4 | then << 8 | corner << 10 | east << 11) * 16];
        if (!coder_.code(bits[0], kind != 0)) return 0;
        return code_bits(coder_, bits, kind, 4);
    }

    uint64_t code_special(unsigned kind, uint64_t word, int64_t at) {
        if (kind == same_as_west) {
            word = words_.now[at - 1];
        } else if (kind == same_as_north) {
            word = words_.now[at - stride_];
        } else if (kind == same_as_before) {
            word = words_.then[at];
        } else if (kind >= 1 && kind <= settings_.frequent.size()) {
            word = settings_.frequent[kind - 1];
        } else {
            word = coder_.raw(word, settings_.width);
        }
        const Format& format = numbers_.format();
        values_.now[at] = format.is_finite(word) ? numbers_.scaled(format.ordered(word)) : values_.now[at - 1];
        errors_.now[at] = errors_.now[at - 1] * 0.5;
        return word;
    }

    uint64_t code_number(uint64_t word, int64_t at, int64_t x) {
        const Around around{values_.now + at, has_before_ ? values_.then + at : nullptr,
                            second_ ? second_ + at : nullptr, aside_ ? aside_ + at : nullptr, stride_};
        const double prediction = blend_.predict(around, x);
        const Expected expected = expect(at, x);
        const uint64_t place = error_.code(Coder::encoding ? numbers_.place_of(word) : 0, prediction, expected);
        const double value = numbers_.value_at(place);
        const double size = value > prediction ? value - prediction : prediction - value;
        values_.now[at] = value;
        errors_.now[at] = size;
        columns_[x + wide] += (size - columns_[x + wide]) * 0.15;
        blend_.learn(value, values_.now[at - 1], size, expected.here, x);
        return numbers_.word_at(place);
    }

    Expected expect(int64_t at, int64_t x) const {
        const double* e = errors_.now + at;
        const int64_t s = stride_;
        Expected expected;
        expected.here = (2 * (e[-1] + e[-s]) + e[-s - 1] + e[-s + 1] + e[-2] + e[-2 * s]) * 0.125;
        expected.before = expected.here;
        if (has_before_) {
            const double* p = errors_.then + at;
            expected.before = (2 * p[0] + p[-1] + p[1] + p[-s] + p[s]) * (1.0 / 6);
            expected.here = expected.here * 0.7 + expected.before * 0.3;
        }
        const double* c = columns_.data() + x + wide;
        expected.around = (((c[-3] + c[-2]) + (c[-1] + c[0])) + ((c[1] + c[2]) + c[3])) * (1.0 / 7);
        return expected;
    }

    Coder& coder_;
    const Settings& settings_;
    Shape shape_;
    int64_t stride_;
    Numbers numbers_;
    ErrorCoder<Coder> error_;
    Blend<Blocks> blend_;
    Ring<double> values_, errors_;
    Ring<Word> words_;
    Ring<uint8_t> classes_;
    std::vector<double> columns_;  // errors of the rows above, exponentially forgotten
    std::vector<Bit> class_bits_;
    bool with_classes_ = false, has_before_ = false;
    const double *second_ = nullptr, *aside_ = nullptr;
};

}  // namespace floats
