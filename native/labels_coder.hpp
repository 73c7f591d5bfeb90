// Binary arithmetic coder of the label coder: 64-bit interval, 22-bit probabilities, no carries.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace labels {

struct StreamError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr int kProbBits = 22;

// Splits [low, high] at p1 / 2^22; the lower part is the interval of bit 1.
inline uint64_t split(uint64_t low, uint64_t high, uint32_t p1) {
    return low + ((high - low) >> kProbBits) * p1;
}

class Encoder {
public:
    static constexpr bool kDecodes = false;
    explicit Encoder(std::vector<uint8_t>& out) : out_(out) {}

    int code(int bit, uint32_t p1) {
        const uint64_t mid = split(low_, high_, p1);
        if (bit) high_ = mid; else low_ = mid + 1;
        while (((low_ ^ high_) >> 56) == 0) {
            out_.push_back(static_cast<uint8_t>(high_ >> 56));
            low_ <<= 8;
            high_ = (high_ << 8) | 255;
        }
        return bit;
    }

    // Writes the shortest bytes that, continued by zeros, lie in the interval.
    void finish() {
        for (int bytes = 0; bytes <= 8; ++bytes) {
            const uint64_t rest = bytes == 0 ? ~uint64_t{0} : bytes == 8 ? 0 : ~uint64_t{0} >> (8 * bytes);
            if (low_ > ~rest) continue;
            const uint64_t chosen = (low_ + rest) & ~rest;
            if (chosen > high_) continue;
            for (int i = 0; i < bytes; ++i) out_.push_back(static_cast<uint8_t>(chosen >> (56 - 8 * i)));
            return;
        }
    }

private:
    std::vector<uint8_t>& out_;
    uint64_t low_ = 0;
    uint64_t high_ = ~uint64_t{0};
};

class Decoder {
public:
    static constexpr bool kDecodes = true;
    Decoder(const uint8_t* data, size_t size) : data_(data), size_(size) {
        for (int i = 0; i < 8; ++i) value_ = (value_ << 8) | next();
    }

    int code(int, uint32_t p1) {
        const uint64_t mid = split(low_, high_, p1);
        const int bit = value_ <= mid;
        if (bit) high_ = mid; else low_ = mid + 1;
        while (((low_ ^ high_) >> 56) == 0) {
            low_ <<= 8;
            high_ = (high_ << 8) | 255;
            value_ = (value_ << 8) | next();
        }
        return bit;
    }

    void finish() const {
        if (at_ < size_) throw StreamError("label stream: bytes are left over after the last voxel");
    }

private:
    // The encoder leaves out trailing zero bytes: at most 8 of them can be read past the end.
    uint8_t next() {
        if (at_ < size_) return data_[at_++];
        if (++at_ > size_ + 8) throw StreamError("label stream: the data end before the last voxel");
        return 0;
    }

    const uint8_t* data_;
    size_t size_;
    size_t at_ = 0;
    uint64_t value_ = 0;
    uint64_t low_ = 0;
    uint64_t high_ = ~uint64_t{0};
};

}  // namespace labels
