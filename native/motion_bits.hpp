// What the coders of motion share: adaptive bits, coded and decoded by the same templates.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "range_coder.hpp"

namespace medcodec {
namespace {

constexpr int kPrefixes = 15;

// The probability of a set bit; it adapts fast at first.
struct AdaptiveBit {
    uint16_t p = 1 << 15;
    uint8_t seen = 0;

    void update(bool bit) {
        constexpr uint8_t kRates[] = {1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5};
        const int rate = kRates[seen];
        if (seen + 1u < sizeof kRates) seen++;
        const int target = bit ? 65536 - kLeast : kLeast;
        p = static_cast<uint16_t>(p + (target - p) / (1 << rate));
    }

  private:
    static constexpr int kLeast = 128;
};

struct Encoder {
    explicit Encoder(ByteBuffer& out) : coder(out) {}
    bool code(bool bit, AdaptiveBit& model) {
        coder.encode_bit(bit, model.p);
        model.update(bit);
        return bit;
    }
    bool code(bool bit, uint32_t p) {
        coder.encode_bit(bit, p);
        return bit;
    }
    bool raw(bool bit) { return code(bit, 1 << 15); }
    RangeEncoder coder;
};

struct Decoder {
    Decoder(const uint8_t* data, size_t size) : coder(data, size) {}
    bool code(bool, AdaptiveBit& model) {
        const bool bit = coder.decode_bit(model.p);
        model.update(bit);
        return bit;
    }
    bool code(bool, uint32_t p) { return coder.decode_bit(p); }
    bool raw(bool bit) { return code(bit, 1 << 15); }
    RangeDecoder coder;
};

// A difference: whether it is zero, its sign, and its size as Exp-Golomb codes do it, where n bits are n - 1 ones, a zero
// and the n - 1 bits below the highest. Each part is coded by a function of its bit: that of the ones also takes their
// place, that of the bits below how many there are and how many follow. False where a decoded size is longer than any
// that is allowed.
template <class Nonzero, class Negative, class Prefix, class Low>
bool code_difference(int& difference, Nonzero nonzero, Negative code_negative, Prefix prefix, Low low) {
    if (!nonzero(difference != 0)) {
        difference = 0;
        return true;
    }
    const bool negative = code_negative(difference < 0);
    const int magnitude = std::abs(difference);
    int bits = 0;
    while (prefix(magnitude >> 1 >> bits != 0, bits))
        if (++bits == kPrefixes - 1) return false;
    int value = 1;
    for (int k = bits; k-- > 0;) value = 2 * value + low(magnitude >> k & 1, bits, k);
    difference = negative ? -value : value;
    return true;
}

}  // namespace
}  // namespace medcodec
