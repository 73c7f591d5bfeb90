// Number formats as unsigned words that sort like the numbers ("ordered words"), without common trailing zeros.
#pragma once
#include <cstdint>
#include <cstring>

namespace floats {

enum class Kind : uint32_t { unsigned_integer = 0, signed_integer = 1, ieee_float = 2 };

inline uint64_t bits_of(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
}

inline double double_of(uint64_t bits) {
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
}

// 2**exponent for exponents of normal doubles.
inline double power_of_two(int exponent) { return double_of(static_cast<uint64_t>(exponent + 1023) << 52); }

// A format of `width` bits whose `shift` low bits (of the magnitude, for floats) are zero in every number.
class Format {
public:
    Format(Kind kind, int width, int shift) : kind_(kind), width_(width), shift_(shift), bits_(width - shift) {
        exponent_bits_ = width == 16 ? 5 : width == 32 ? 8 : 11;
        mantissa_ = width - 1 - exponent_bits_ - shift;
        bias_ = (1 << (exponent_bits_ - 1)) - 1;
        half_ = uint64_t{1} << (bits_ - 1);
        last_ = half_ | (half_ - 1);
    }

    Kind kind() const { return kind_; }
    int bits() const { return bits_; }
    uint64_t last() const { return last_; }

    bool is_finite(uint64_t word) const {
        if (kind_ != Kind::ieee_float) return true;
        const uint64_t exponents = ((uint64_t{1} << exponent_bits_) - 1) << (width_ - 1 - exponent_bits_);
        return (word & exponents) != exponents;
    }

    uint64_t ordered(uint64_t word) const {
        if (kind_ == Kind::unsigned_integer) return word >> shift_;
        const uint64_t top = uint64_t{1} << (width_ - 1);
        if (kind_ == Kind::signed_integer) return (word ^ top) >> shift_;
        const uint64_t magnitude = (word & (top - 1)) >> shift_;
        return word & top ? half_ - 1 - magnitude : half_ + magnitude;
    }

    uint64_t word(uint64_t ordered) const {
        if (kind_ == Kind::unsigned_integer) return ordered << shift_;
        const uint64_t top = uint64_t{1} << (width_ - 1);
        if (kind_ == Kind::signed_integer) return (ordered << shift_) ^ top;
        return ordered < half_ ? top | (half_ - 1 - ordered) << shift_ : (ordered - half_) << shift_;
    }

    // The number itself; what is not finite gives 0.
    double value(uint64_t ordered) const {
        if (kind_ != Kind::ieee_float) return integer_value(ordered);
        const bool negative = ordered < half_;
        const uint64_t magnitude = negative ? half_ - 1 - ordered : ordered - half_;
        const double size = magnitude_value(magnitude);
        return negative ? -size : size;
    }

    // The smallest ordered word whose number is not below `edge`; never decreases with `edge`.
    uint64_t ceiling(double edge) const {
        if (kind_ != Kind::ieee_float) return integer_ceiling(edge);
        const bool negative = edge < 0;
        const uint64_t bits = bits_of(edge) & ~(uint64_t{1} << 63);
        bool inexact = false;
        const uint64_t magnitude = magnitude_floor(bits, inexact);
        return negative ? half_ - 1 - magnitude : half_ + magnitude + inexact;
    }

    // Whether the numbers from `first` to `last` are equally spaced.
    bool evenly_spaced(uint64_t first, uint64_t last) const {
        if (kind_ != Kind::ieee_float) return true;
        if ((first < half_) != (last < half_)) return false;
        if (first < half_) return (half_ - 1 - first) >> mantissa_ == (half_ - 1 - last) >> mantissa_;
        return (first - half_) >> mantissa_ == (last - half_) >> mantissa_;
    }

    // Binary exponent of the spacing of numbers around `value`.
    int spacing_exponent(double value) const {
        if (kind_ != Kind::ieee_float) return shift_;
        int exponent = static_cast<int>(bits_of(value) >> 52 & 2047) - 1023;
        if (exponent < 1 - bias_) exponent = 1 - bias_;
        return exponent - mantissa_;
    }

private:
    double integer_value(uint64_t ordered) const {
        if (kind_ == Kind::unsigned_integer) return static_cast<double>(ordered << shift_);
        const uint64_t word = (ordered << shift_) ^ (uint64_t{1} << (width_ - 1));
        const uint64_t extended = width_ == 64 || !(word >> (width_ - 1)) ? word : word | ~uint64_t{0} << width_;
        return static_cast<double>(static_cast<int64_t>(extended));
    }

    uint64_t integer_ceiling(double edge) const {
        const double low = kind_ == Kind::unsigned_integer ? 0.0 : -power_of_two(width_ - 1);
        const double scaled = (edge - low) * power_of_two(-shift_);
        if (!(scaled > 0)) return 0;
        if (scaled >= power_of_two(bits_)) return last_;
        const uint64_t floor = static_cast<uint64_t>(scaled);
        return floor + (floor < last_ && static_cast<double>(floor) < scaled);
    }

    double magnitude_value(uint64_t magnitude) const {
        const uint64_t exponent = magnitude >> mantissa_;
        if (exponent >= (uint64_t{1} << exponent_bits_) - 1) return 0;
        const uint64_t fraction = (magnitude & ((uint64_t{1} << mantissa_) - 1)) << (52 - mantissa_);
        if (width_ == 64) return double_of(exponent << 52 | fraction);
        if (exponent == 0) return static_cast<double>(magnitude) * power_of_two(1 - bias_ - mantissa_);
        return double_of((exponent + 1023 - bias_) << 52 | fraction);
    }

    uint64_t magnitude_floor(uint64_t bits, bool& inexact) const {
        const uint64_t infinite = ((uint64_t{1} << exponent_bits_) - 1) << mantissa_;
        const int exponent = static_cast<int>(bits >> 52) - 1023 + bias_;
        int drop = 52 - mantissa_;
        uint64_t whole = bits & ((uint64_t{1} << 52) - 1);
        if (width_ == 64) {
            whole = bits;
        } else if (exponent >= (1 << exponent_bits_) - 1) {
            return infinite;
        } else if (exponent > 0) {
            whole |= static_cast<uint64_t>(exponent) << 52;
        } else {
            if (bits >> 52) whole |= uint64_t{1} << 52;
            drop += 1 - exponent;
            if (drop > 63) {
                inexact = bits != 0;
                return 0;
            }
        }
        inexact = (whole & ((uint64_t{1} << drop) - 1)) != 0;
        const uint64_t floor = whole >> drop;
        if (floor >= infinite) {
            inexact = false;
            return infinite;
        }
        return floor;
    }

    Kind kind_;
    int width_, shift_, bits_, exponent_bits_, mantissa_, bias_;
    uint64_t half_, last_;
};

}  // namespace floats
