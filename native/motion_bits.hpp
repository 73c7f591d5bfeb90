// What the coders of motion share: adaptive bits, coded and decoded by the same templates.
#pragma once
#include <cstddef>
#include <cstdint>

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

// As Exp-Golomb codes do: a magnitude with n bits is n - 1 ones, a zero and n - 1 bits. False where a decoded one is
// longer than any that is allowed.
template <class Coder>
bool code_magnitude(Coder& coder, AdaptiveBit (&prefix)[kPrefixes], int& magnitude) {
    int bits = 0;
    while (coder.code(magnitude >> 1 >> bits != 0, prefix[bits]))
        if (++bits == kPrefixes - 1) return false;
    int value = 1;
    for (int k = bits; k-- > 0;) value = 2 * value + coder.raw(magnitude >> k & 1);
    magnitude = value;
    return true;
}

}  // namespace
}  // namespace medcodec
