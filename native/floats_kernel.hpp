// Codes float and wide-integer voxels: class, sign and size of the prediction error by context, the rest raw.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "floats_coder.hpp"
#include "floats_numbers.hpp"
#include "floats_predictor.hpp"

namespace floats {

struct Shape {
    int64_t sequences, frames, height, width;
};

constexpr int max_classes = 16;
constexpr int same_classes = 3;   // same as west, north, frame before
constexpr int escape_class = 15;

struct Settings {
    Kind kind;
    int width, shift, scale;      // bits per voxel, common trailing zeros, binary exponent of a typical voxel
    std::vector<uint64_t> frequent;  // words with a class of their own, at most max_classes - 2 - same_classes
    bool repeats;
    uint64_t table;  // number of distinct words in the table, 0 without
};

// One value per voxel in a ring of frames with a border.
template <class T>
class Ring {
public:
    static constexpr int left = 3, right = 3, above = 3, below = 1;
    Ring(int64_t slots, int64_t height, int64_t width)
        : slots_(slots), stride_(width + left + right), size_(stride_ * (height + above + below)), data_(slots * size_) {}
    int64_t stride() const { return stride_; }
    T* frame(int64_t n) { return data_.data() + (n % slots_) * size_ + above * stride_ + left; }

private:
    int64_t slots_, stride_, size_;
    std::vector<T> data_;
};

template <class Coder>
class Kernel {
public:
    Kernel(Coder& coder, const Settings& settings, Shape shape)
        : coder_(coder), settings_(settings),
          numbers_(Format(settings.kind, settings.width, settings.shift), settings.scale), shape_(shape),
          slots_(shape.sequences > 1 ? shape.frames + 2 : 3), values_(slots_, shape.height, shape.width),
          errors_(slots_, shape.height, shape.width), words_(slots_, shape.height, shape.width),
          classes_(slots_, shape.height, shape.width), class_bits_(1 << 16), size_bits_(contexts * size_nodes),
          sign_bits_(sign_contexts) {
        with_classes_ = settings.repeats || !settings.frequent.empty() || settings.kind == Kind::ieee_float;
        bands_.assign((shape.width + band_width - 1) / band_width, LeastSquares(24));
    }

    // Both return false if the coded data end too early or make no sense.
    // `present` are the words that `settings.table` announces (used by the encoder only).
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
            unsigned node = 1;
            for (int k = 6; k >= 0; --k) node = node * 2 + coder_.code(lengths[context * 128 + node], length >> k & 1);
            context = length = node & 127;
            if (length > 64 || (n && !length) || coder_.overrun()) return false;
            uint64_t step = length ? uint64_t{1} << (length - 1) : 0;
            if (length > 1) step |= coder_.raw(gap & (step - 1), static_cast<int>(length) - 1);
            if (step > numbers_.format().last() - before) return false;
            before += step;
            if (!Coder::encoding) table.push_back(before);
        }
        numbers_.set_table(std::move(table));
        return true;
    }

    bool run(uint64_t (*load)(const uint8_t*, int64_t), void (*store)(uint8_t*, int64_t, uint64_t), uint8_t* voxels) {
        int64_t at = 0;
        for (int64_t frame = 0; frame < shape_.sequences * shape_.frames; ++frame) {
            begin_frame(frame);
            for (y_ = 0; y_ < shape_.height; ++y_) {
                begin_row();
                for (x_ = 0; x_ < shape_.width; ++x_, ++at) {
                    if (y_ == 0) fill_above();
                    const uint64_t word = code_voxel(Coder::encoding ? load(voxels, at) : 0);
                    if (!Coder::encoding) store(voxels, at, word);
                }
                end_row();
                if (coder_.overrun()) return false;
            }
            end_frame();
        }
        return true;
    }

private:
    static constexpr int band_width = 16;
    static constexpr int contexts = 12 * 4 * 5, size_nodes = 64 * 5;
    static constexpr int sign_contexts = 16 * 16;
    static constexpr int groups = 62;

    void begin_frame(int64_t frame) {
        has_before_ = frame % shape_.frames > 0;
        has_second_ = frame % shape_.frames > 1;
        has_aside_ = frame >= shape_.frames;
        const int64_t aside = has_aside_ ? frame - shape_.frames : frame;
        const int64_t before = has_before_ ? frame - 1 : frame;
        v_ = values_.frame(frame);
        e_ = errors_.frame(frame);
        w_ = words_.frame(frame);
        c_ = classes_.frame(frame);
        v1_ = values_.frame(before);
        e1_ = errors_.frame(before);
        w1_ = words_.frame(before);
        c1_ = classes_.frame(before);
        v2_ = has_second_ ? values_.frame(frame - 2) : v1_;
        va_ = values_.frame(aside);
        ea_ = errors_.frame(aside);
        stride_ = values_.stride();
        before_ = before;
    }

    // Continues a row by its first value to the left.
    void begin_row() {
        const int64_t row = y_ * stride_;
        const int64_t first = y_ ? row - stride_ : row;
        for (int n = 1; n <= Ring<double>::left; ++n) {
            v_[row - n] = y_ ? v_[first] : (has_before_ ? v1_[0] : 0);
            e_[row - n] = y_ ? e_[first] : (has_before_ ? e1_[0] : 0);
            w_[row - n] = y_ ? w_[first] : 0;
            c_[row - n] = y_ ? c_[first] : 0;
        }
    }

    // Above the first row lies the west neighbour of each voxel.
    void fill_above() {
        const int64_t from = x_ ? x_ + 2 : -3;
        for (int64_t n = from; n <= x_ + 2; ++n) {
            for (int row = 1; row <= 2; ++row) {
                v_[n - row * stride_] = v_[x_ - 1];
                e_[n - row * stride_] = e_[x_ - 1];
                w_[n - row * stride_] = w_[x_ - 1];
                c_[n - row * stride_] = c_[x_ - 1];
            }
        }
    }

    void end_row() {
        const int64_t end = y_ * stride_ + shape_.width;
        for (int n = 0; n < Ring<double>::right; ++n) {
            v_[end + n] = v_[end - 1];
            e_[end + n] = e_[end - 1];
            w_[end + n] = w_[end - 1];
            c_[end + n] = c_[end - 1];
        }
    }

    void end_frame() {
        double* below = v_ + shape_.height * stride_;
        for (int64_t n = -3; n < shape_.width + 3; ++n) {
            below[n] = below[n - stride_];
            e_[shape_.height * stride_ + n] = e_[(shape_.height - 1) * stride_ + n];
        }
    }

    uint64_t code_voxel(uint64_t word) {
        const int64_t at = y_ * stride_ + x_;
        int kind = 0;
        if (with_classes_) {
            if (Coder::encoding) kind = class_of(word, at);
            kind = code_class(kind, at);
            c_[at] = static_cast<uint8_t>(kind);
        }
        if (kind == 0) {
            word = code_number(word, at);
        } else {
            word = special_word(kind, word, at);
            v_[at] = numbers_.format().is_finite(word) ? numbers_.scaled(numbers_.format().ordered(word)) : v_[at - 1];
            e_[at] = e_[at - 1] * 0.5;
        }
        w_[at] = word;
        return word;
    }

    int class_of(uint64_t word, int64_t at) const {
        for (size_t n = 0; n < settings_.frequent.size(); ++n) {
            if (word == settings_.frequent[n]) return 1 + static_cast<int>(n);
        }
        if (!numbers_.format().is_finite(word)) return escape_class;
        if (settings_.repeats) {
            if (word == w_[at - 1]) return 12;
            if (word == w_[at - stride_]) return 13;
            if (has_before_ && word == w1_[at]) return 14;
        }
        return 0;
    }

    int code_class(int kind, int64_t at) {
        const unsigned west = c_[at - 1], north = c_[at - stride_], before = has_before_ ? c1_[at] : 0;
        const unsigned corner = c_[at - stride_ - 1] == west, east = c_[at - stride_ + 1] == north;
        const unsigned context = west | north << 4 | (before == west ? 0u : before == north ? 1u : before ? 2u : 3u) << 8 | corner << 10 | east << 11;
        Bit* bits = &class_bits_[context * 16];
        if (!coder_.code(bits[0], kind != 0)) return 0;
        int node = 1;
        for (int n = 3; n >= 0; --n) node = node * 2 + coder_.code(bits[node], kind >> n & 1);
        return node & 15;
    }

    uint64_t special_word(int kind, uint64_t word, int64_t at) {
        if (kind == 12) return w_[at - 1];
        if (kind == 13) return w_[at - stride_];
        if (kind == 14) return w1_[at];
        if (kind - 1 < static_cast<int>(settings_.frequent.size())) return settings_.frequent[kind - 1];
        return coder_.raw(word, settings_.width);
    }

    double predict(int64_t at) {
        const double* v = v_ + at;
        const double west = v[-1];
        const int64_t s = stride_;
        double* x = x_terms_;
        x[0] = v[-s] - west;
        x[1] = v[-s - 1] - west;
        x[2] = v[-s + 1] - west;
        x[3] = v[-2] - west;
        x[4] = v[-2 * s] - west;
        x[5] = v[-s - 2] - west;
        x[6] = v[-s + 2] - west;
        x[7] = v[-2 * s - 1] - west;
        x[8] = v[-2 * s + 1] - west;
        const double* p = v1_ + at;
        if (has_before_) {
            x[9] = p[0] - west;
            x[10] = p[-1] - west;
            x[11] = p[1] - west;
            x[12] = p[-s] - west;
            x[13] = p[s] - west;
            x[14] = p[-s - 1] - west;
            x[15] = p[-s + 1] - west;
            x[16] = p[s - 1] - west;
            x[17] = p[s + 1] - west;
            x[18] = has_second_ ? v2_[at] - west : 0;
        } else {
            for (int n = 9; n < 19; ++n) x[n] = 0;
        }
        const double* a = va_ + at;
        if (has_aside_) {
            x[19] = a[0] - west;
            x[20] = a[-1] - west;
            x[21] = a[-s] - west;
            x[22] = a[1] - west;
            x[23] = a[s] - west;
        } else {
            x[19] = v[-3] - west;
            x[20] = x[21] = x[22] = x[23] = 0;
        }
        return west + bands_[x_ / band_width].predict(x);
    }

    uint64_t code_number(uint64_t word, int64_t at) {
        double prediction = predict(at);
        if (!(prediction < 1e60 && prediction > -1e60)) prediction = v_[at - 1];
        const uint64_t place = code_error(Coder::encoding ? numbers_.place_of(word) : 0, prediction, at);
        const double value = numbers_.value_at(place);
        const double error = value > prediction ? value - prediction : prediction - value;
        v_[at] = value;
        e_[at] = error;
        LeastSquares& band = bands_[x_ / band_width];
        const double local = expected_ + 1e-30;
        band.update(x_terms_, value - v_[at - 1], 1 / (local * local), memory_);
        if ((x_ & (solve_every_ - 1)) == solve_every_ - 1) band.solve(ridge_);
        return numbers_.word_at(place);
    }

    // Expected error from errors around, and its context.
    void expect(int64_t at, int space) {
        const double* e = e_ + at;
        const int64_t s = stride_;
        const double here = 2 * (e[-1] + e[-s]) + e[-s - 1] + e[-s + 1] + e[-2] + e[-2 * s];
        double sum = here * 0.125, other = sum;
        if (has_before_) {
            const double* p = e1_ + at;
            other = (2 * p[0] + p[-1] + p[1] + p[-s] + p[s]) * (1.0 / 6);
            sum = sum * 0.7 + other * 0.3;
        }
        expected_ = sum + 1e-200;
        const uint64_t bits = bits_of(expected_);
        int exponent = static_cast<int>(bits >> 52) - 1023 - 2;
        int fine = static_cast<int>(bits >> 50 & 3);
        int near = 0;
        if (exponent <= space) {
            near = 1 + std::min(10, space - exponent);
            exponent = space;
        }
        exponent = std::max(-900, std::min(900, exponent));
        quantum_ = power_of_two(exponent);
        near_ = near;
        int ratio = 2;
        if (has_before_) ratio = other < 0.4 * expected_ ? 0 : other < 0.75 * expected_ ? 1 : other < 1.3 * expected_ ? 2 : other < 2.2 * expected_ ? 3 : 4;
        context_ = (near * 4 + fine) * 5 + ratio;
    }

    static double boundary(int t) {
        if (t < 8) return t;
        const int octave = (t - 8) >> 2;
        return (4 + ((t - 8) & 3)) * power_of_two(octave + 1);
    }

    static int bucket(double z) {
        if (!(z < 1e18)) return 4 * groups;
        if (!(z > 0)) return 0;
        if (z < 8) return static_cast<int>(z);
        const uint64_t bits = bits_of(z);
        const int octave = static_cast<int>(bits >> 52) - 1023 - 3;
        return 8 + 4 * octave + static_cast<int>(bits >> 50 & 3);
    }

    uint64_t edge(double prediction, bool negative, int t) const {
        const double offset = boundary(t) * quantum_;
        return numbers_.ceiling(negative ? prediction - offset : prediction + offset);
    }

    uint64_t code_error(uint64_t place, double prediction, int64_t at) {
        const uint64_t middle = numbers_.ceiling(prediction);
        expect(at, numbers_.spacing_exponent(prediction, middle));
        int sign_context = 0;
        if (near_) {
            const double gap = (numbers_.value_at(std::min(middle, numbers_.last())) - prediction) / quantum_;
            sign_context = 16 * near_ + (gap > 0 ? gap < 1 ? static_cast<int>(gap * 16) : 15 : 0);
        }
        const bool negative = coder_.code(sign_bits_[sign_context], place < middle);
        int t = 0;
        uint64_t first = 0, end = 0;
        if (Coder::encoding) t = find_bucket(place, prediction, negative);
        t = code_size(t);
        if (t >= 4 * groups) return std::min(coder_.raw(place, numbers_.format().bits()), numbers_.last());
        first = negative ? edge(prediction, true, t + 1) : edge(prediction, false, t);
        end = negative ? edge(prediction, true, t) : edge(prediction, false, t + 1);
        const double near = boundary(t) * quantum_, far = boundary(t + 1) * quantum_;
        const double low = negative ? prediction - far : prediction + near;
        const double high = negative ? prediction - near : prediction + far;
        return refine(place, first, end, low, high);
    }

    int find_bucket(uint64_t place, double prediction, bool negative) const {
        const double value = numbers_.value_at(place);
        int t = bucket((negative ? prediction - value : value - prediction) / quantum_);
        if (negative) {
            while (t > 0 && t < 4 * groups && place >= edge(prediction, true, t)) --t;
            while (t < 4 * groups && place < edge(prediction, true, t + 1)) ++t;
        } else {
            while (t > 0 && t < 4 * groups && place < edge(prediction, false, t)) --t;
            while (t < 4 * groups && place >= edge(prediction, false, t + 1)) ++t;
        }
        return t;
    }

    // Group of four sizes in unary, then two bits.
    int code_size(int t) {
        Bit* bits = &size_bits_[context_ * size_nodes];
        int group = 0;
        while (group < groups && coder_.code(bits[group * 4], (t >> 2) > group)) ++group;
        if (group == groups) return 4 * groups;
        const int upper = coder_.code(bits[group * 4 + 1], t >> 1 & 1);
        return group * 4 + upper * 2 + coder_.code(bits[group * 4 + 2 + upper], t & 1);
    }

    // Halves the interval until one number is left; where numbers are evenly spaced, all at once.
    uint64_t refine(uint64_t place, uint64_t first, uint64_t end, double low, double high) {
        for (int depth = 0; end > first + 1; ++depth) {
            const uint64_t count = end - first;
            if (!(count & (count - 1)) && (numbers_.has_table() || numbers_.evenly_spaced(first, end - 1))) {
                int bits = 0;
                while (count >> bits > 1) ++bits;
                return first + coder_.raw(place - first, bits);
            }
            const double half = low + (high - low) * 0.5;
            uint64_t split = first + count / 2;
            uint32_t upper = 1 << 15;
            if (numbers_.has_table()) {
                upper = static_cast<uint32_t>(((end - split) << 16) / count);
            } else if (depth < 80) {
                split = std::max(first, std::min(end, numbers_.ceiling(half)));
                if (split == first || split == end) {
                    (split == first ? low : high) = half;
                    continue;
                }
            }
            if (coder_.weighted(upper, place >= split)) {
                first = split;
                low = half;
            } else {
                end = split;
                high = half;
            }
        }
        return std::min(first, numbers_.last());
    }

    Coder& coder_;
    const Settings& settings_;
    Numbers numbers_;
    Shape shape_;
    int64_t slots_;
    Ring<double> values_, errors_;
    Ring<uint64_t> words_;
    Ring<uint8_t> classes_;
    std::vector<Bit> class_bits_, size_bits_, sign_bits_;
    std::vector<LeastSquares> bands_;
    bool with_classes_ = false, has_before_ = false, has_second_ = false, has_aside_ = false;
    double *v_ = nullptr, *v1_ = nullptr, *v2_ = nullptr, *va_ = nullptr, *e_ = nullptr, *e1_ = nullptr, *ea_ = nullptr;
    uint64_t *w_ = nullptr, *w1_ = nullptr;
    uint8_t *c_ = nullptr, *c1_ = nullptr;
    int64_t stride_ = 0, before_ = 0, y_ = 0, x_ = 0;
    double x_terms_[max_terms] = {};
    double expected_ = 0, quantum_ = 1;
    int near_ = 0, context_ = 0;
    double memory_ = 0.998, ridge_ = 1e-9;
    int solve_every_ = 8;
};

}  // namespace floats
