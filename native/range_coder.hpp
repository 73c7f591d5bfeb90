// A range coder with a 64-bit state: the range stays above 2^48, so that 26-bit frequencies lose nothing
// measurable. Carries are propagated into the bytes already written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "byte_buffer.hpp"

namespace {

using medcodec::ByteBuffer;

constexpr int kTotalBits = 26;
constexpr uint32_t kTotal = 1u << kTotalBits;
constexpr uint64_t kMinRange = uint64_t{1} << 48;

class RangeEncoder {
  public:
    explicit RangeEncoder(ByteBuffer& out) : out_(out) {}
    // Code the interval [start, start + size) of [0, 2^kTotalBits).
    void encode(uint32_t start, uint32_t size) {
        range_ >>= kTotalBits;
        add(range_ * start);
        range_ *= size;
        normalise();
    }
    // Code a bit whose probability of being set is p / 2^16, 0 < p < 2^16.
    void encode_bit(bool bit, uint32_t p) {
        uint64_t split = (range_ >> 16) * p;
        if (bit) {
            range_ = split;
        } else {
            add(split);
            range_ -= split;
        }
        normalise();
    }
    void finish() {
        // 48 zero bits inside the range are enough: the decoder reads zeros past the end.
        add(kMinRange - 1);
        low_ &= ~(kMinRange - 1);
        out_.reserve(out_.size + 2);
        out_.data[out_.size++] = static_cast<uint8_t>(low_ >> 56);
        out_.data[out_.size++] = static_cast<uint8_t>(low_ >> 48);
    }

  private:
    void add(uint64_t amount) {
        low_ += amount;
        if (low_ < amount)
            for (size_t i = out_.size; i-- > 0 && ++out_.data[i] == 0;) {}
    }
    void normalise() {
        while (range_ < kMinRange) {
            out_.reserve(out_.size + 2);
            out_.data[out_.size++] = static_cast<uint8_t>(low_ >> 56);
            out_.data[out_.size++] = static_cast<uint8_t>(low_ >> 48);
            low_ <<= 16;
            range_ <<= 16;
        }
    }
    ByteBuffer& out_;
    uint64_t low_ = 0, range_ = ~uint64_t{0};
};

class RangeDecoder {
  public:
    RangeDecoder(const uint8_t* data, size_t size) : next_(data), end_(data + size) {
        for (int i = 0; i < 4; i++) code_ = code_ << 16 | word();
    }
    // Return a value of [0, 2^kTotalBits) inside the interval that was coded; `consume` must follow.
    uint32_t peek() {
        range_ >>= kTotalBits;
        uint64_t value = code_ / range_;
        return value < kTotal ? static_cast<uint32_t>(value) : kTotal - 1;
    }
    void consume(uint32_t start, uint32_t size) {
        code_ -= range_ * start;
        range_ *= size;
        normalise();
    }
    bool decode_bit(uint32_t p) {
        uint64_t split = (range_ >> 16) * p;
        bool bit = code_ < split;
        if (bit) {
            range_ = split;
        } else {
            code_ -= split;
            range_ -= split;
        }
        normalise();
        return bit;
    }
    // A valid stream is read to its end, plus at most the six bytes that the encoder left out.
    bool plausible() const { return next_ == end_ && missing_ <= 6; }

  private:
    uint64_t word() {
        uint64_t value = 0;
        for (int i = 0; i < 2; i++) {
            value <<= 8;
            if (next_ != end_) value |= *next_++;
            else missing_++;
        }
        return value;
    }
    void normalise() {
        while (range_ < kMinRange) {
            code_ = code_ << 16 | word();
            range_ <<= 16;
        }
    }
    const uint8_t* next_;
    const uint8_t* end_;
    uint64_t code_ = 0, range_ = ~uint64_t{0};
    size_t missing_ = 0;
};

}  // namespace
