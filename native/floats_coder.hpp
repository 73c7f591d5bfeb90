// Adaptive binary range coder with raw bits in a stream of their own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "byte_buffer.hpp"

namespace floats {

// Probability of a one in 16 bits; learns fast at first, then by 1/`limit`.
struct Bit {
    uint16_t one = 1 << 15;
    uint16_t seen = 0;
};

constexpr int bit_limit = 250;

struct Rates {
    uint16_t rate[bit_limit + 1];
    Rates() {
        for (int n = 0; n <= bit_limit; ++n) rate[n] = static_cast<uint16_t>(65536 * 2 / (2 * n + 3));
    }
};

inline const Rates& rates() {
    static const Rates table;
    return table;
}

inline void learn(Bit& bit, int value) {
    const int target = value ? 65535 : 0;
    const int64_t step = static_cast<int64_t>(target - bit.one) * rates().rate[bit.seen];
    bit.one = static_cast<uint16_t>(bit.one + step / 65536);
    if (bit.seen < bit_limit) ++bit.seen;
}

inline uint32_t split(uint32_t low, uint32_t high, uint32_t one) {
    if (one < 24) one = 24;
    if (one > 65512) one = 65512;
    return low + static_cast<uint32_t>(static_cast<uint64_t>(high - low) * one >> 16);
}

class Encoder {
public:
    static constexpr bool encoding = true;

    int code(Bit& bit, int value) {
        weighted(bit.one, value);
        learn(bit, value);
        return value;
    }

    // A one has probability `one` / 65536.
    int weighted(uint32_t one, int value) {
        const uint32_t middle = split(low_, high_, one);
        if (value) {
            high_ = middle;
        } else {
            low_ = middle + 1;
        }
        while (!((low_ ^ high_) >> 24)) {
            coded_.push(static_cast<uint8_t>(high_ >> 24));
            low_ <<= 8;
            high_ = high_ << 8 | 255;
        }
        return value;
    }

    uint64_t raw(uint64_t value, int count) {
        if (count > 32) {
            raw(value >> 32, count - 32);
            raw(value & 0xffffffffu, 32);
            return value;
        }
        pending_ = pending_ << count | value;
        for (held_ += count; held_ >= 8; held_ -= 8) raw_.push(static_cast<uint8_t>(pending_ >> (held_ - 8)));
        return value;
    }

    void finish() {
        for (int shift = 24; shift >= 0; shift -= 8) coded_.push(static_cast<uint8_t>(low_ >> shift));
        if (held_) raw_.push(static_cast<uint8_t>(pending_ << (8 - held_)));
    }

    bool overrun() const { return false; }
    const medcodec::ByteBuffer& coded() const { return coded_; }
    const medcodec::ByteBuffer& raw_bytes() const { return raw_; }

private:
    uint32_t low_ = 0, high_ = 0xffffffffu;
    medcodec::ByteBuffer coded_, raw_;
    uint64_t pending_ = 0;
    int held_ = 0;
};

class Decoder {
public:
    static constexpr bool encoding = false;

    Decoder(const uint8_t* coded, size_t coded_size, const uint8_t* raw, size_t raw_size)
        : coded_(coded), coded_end_(coded + coded_size), raw_(raw), raw_end_(raw + raw_size) {
        for (int n = 0; n < 4; ++n) code_ = code_ << 8 | next_coded();
    }

    int code(Bit& bit, int) {
        const int value = weighted(bit.one, 0);
        learn(bit, value);
        return value;
    }

    int weighted(uint32_t one, int) {
        const uint32_t middle = split(low_, high_, one);
        const int value = code_ <= middle;
        if (value) {
            high_ = middle;
        } else {
            low_ = middle + 1;
        }
        while (!((low_ ^ high_) >> 24)) {
            low_ <<= 8;
            high_ = high_ << 8 | 255;
            code_ = code_ << 8 | next_coded();
        }
        return value;
    }

    uint64_t raw(uint64_t, int count) {
        if (count > 32) {
            const uint64_t top = raw(0, count - 32);
            return top << 32 | raw(0, 32);
        }
        while (held_ < count) {
            pending_ = pending_ << 8 | next_raw();
            held_ += 8;
        }
        held_ -= count;
        return pending_ >> held_ & ((uint64_t{1} << count) - 1);
    }

    // Whether more was read than there is.
    bool overrun() const { return overrun_; }
    // Whether all was read.
    bool finished() const { return coded_ == coded_end_ && raw_ == raw_end_; }

private:
    uint8_t next_coded() {
        if (coded_ < coded_end_) return *coded_++;
        overrun_ = true;
        return 0;
    }
    uint8_t next_raw() {
        if (raw_ < raw_end_) return *raw_++;
        overrun_ = true;
        return 0;
    }

    uint32_t low_ = 0, high_ = 0xffffffffu, code_ = 0;
    const uint8_t *coded_, *coded_end_, *raw_, *raw_end_;
    uint64_t pending_ = 0;
    int held_ = 0;
    bool overrun_ = false;
};

// Codes `count` bits, the upper ones first, each in the context of those before; uses bits 1 to 2**count - 1.
template <class Coder>
unsigned code_bits(Coder& coder, Bit* bits, unsigned value, int count) {
    unsigned node = 1;
    for (int n = count - 1; n >= 0; --n) node = node * 2 + static_cast<unsigned>(coder.code(bits[node], value >> n & 1));
    return node & ((1u << count) - 1);
}

}  // namespace floats
